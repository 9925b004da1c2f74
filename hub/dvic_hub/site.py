"""The hub's site for nginx: what `dvic-hub setup --url https://...` writes, and what there is to do for a certificate.

A file that a person changed is left alone: the first line that we write carries a checksum of the rest.
"""

import grp
import hashlib
import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from dvic_hub.errors import Conflict, HubError

NGINX = Path("/etc/nginx")
LETSENCRYPT = Path("/etc/letsencrypt/live")
SOCKET = "/run/dvic-hub/hub.sock"
"""Where the hub listens behind nginx on the same machine."""

NGINX_USER = "www-data"
"""Who Debian's nginx is; it must reach the socket."""

_MARK = "# dvic-hub setup, sha256 "
_PLAIN = re.compile(r"[A-Za-z0-9._/@+:\[\]-]+\Z")


@dataclass(frozen=True)
class Site:
    """What goes into the file. `listen` as in hub.toml; `certificate` and `key` are PEM files of the server."""

    url: str
    listen: str
    certificate: Path
    key: Path

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 443


def in_use(nginx: Path = NGINX) -> tuple[Path, Path] | None:
    """Certificate and key that the site names already, so that writing it again goes on with them."""
    try:
        text = (nginx / "sites-available" / "dvic-hub").read_text("utf-8", "replace")
    except OSError:
        return None
    found = [re.search(rf"^\s*{name}\s+(\S+);", text, re.M) for name in ("ssl_certificate", "ssl_certificate_key")]
    return (Path(found[0][1]), Path(found[1][1])) if all(found) else None


def site_for(url: str, listen: str, certificate: Path | None = None, key: Path | None = None) -> Site:
    """A site with a certificate where certbot keeps it, unless others are given. Raises HubError for what nginx could
    not take as a plain word."""
    folder = LETSENCRYPT / (urlsplit(url).hostname or "")
    site = Site(url, listen, certificate or folder / "fullchain.pem", key or folder / "privkey.pem")
    for text in (url, listen, str(site.certificate), str(site.key)):
        if not _PLAIN.match(text):
            raise HubError(f"{text!r} has characters that nginx would misread", code="site")
    if urlsplit(url).path.strip("/"):
        raise HubError("the hub needs a host name of its own: an address with a path can't be served by this site",
                       code="site")
    return site


def render(site: Site, with_tls: bool) -> str:
    """The file's text. Without a certificate only the part that helps to get one: nginx would not start otherwise, and
    nothing of the hub is ever served in the clear. Pure."""
    text = files("dvic_hub").joinpath("templates/nginx-site.conf").read_text("utf-8")
    plain, tls = text.split("#TLS\n")
    text = f"{plain}\n{tls.lstrip()}" if with_tls else plain
    upstream = site.listen if site.listen.startswith("unix:") else site.listen.replace("0.0.0.0:", "127.0.0.1:")
    for name, value in (("URL", site.url), ("HOST", site.host), ("UPSTREAM", upstream), ("LISTEN", str(site.port)),
                        ("PORT", "" if site.port == 443 else f":{site.port}"), ("CERTIFICATE", str(site.certificate)),
                        ("KEY", str(site.key))):
        text = text.replace(f"@{name}@", value)
    if not with_tls:  # what only the other half uses
        text = re.sub(r"upstream dvic_hub \{.*?\n\}\n\n", "", text, flags=re.S)
    return f"{_MARK}{_digest(text)}\n{text}"


def write(site: Site, nginx: Path = NGINX) -> tuple[Path, bool]:
    """Write and enable the site; returns its file and whether it serves TLS already (the certificate is there).

    Raises Conflict where the file is somebody else's or was changed by hand, HubError where it can't be written.
    """
    available, enabled = nginx / "sites-available" / "dvic-hub", nginx / "sites-enabled" / "dvic-hub"
    with_tls = site.certificate.is_file() and site.key.is_file()
    try:
        if available.exists() and not _is_ours(available.read_text("utf-8", "replace")):
            raise Conflict(f"{available} was changed by hand and is left alone: move it away to have it written anew")
        beside = available.with_name(f".dvic-hub.{os.getpid()}.new")
        beside.write_text(render(site, with_tls), "utf-8")
        beside.chmod(0o644)
        beside.replace(available)
        if not os.path.lexists(enabled):
            enabled.symlink_to(available)
    except OSError as error:
        raise HubError(f"{available} can't be written: {error.strerror}", code="site") from error
    return available, with_tls


def let_nginx_in(site: Site, state_dir: Path) -> str:
    """As root, put nginx's user into the group of the hub's user, whose socket only that group may open; returns the
    group where it was not in it. (All else of the hub's is closed to the group.)"""
    if os.geteuid() != 0 or not site.listen.startswith("unix:") or not state_dir.is_dir():
        return ""
    owner = state_dir.stat()
    try:
        group, user = grp.getgrgid(owner.st_gid), pwd.getpwnam(NGINX_USER)
    except KeyError:
        return ""
    if owner.st_uid == 0 or owner.st_gid == 0 or NGINX_USER in group.gr_mem or user.pw_gid == group.gr_gid:
        return ""
    try:
        done = subprocess.run(["usermod", "--append", "--groups", group.gr_name, NGINX_USER], capture_output=True,
                              text=True, timeout=60, check=False)
        fault = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        fault = str(error)
    if fault:
        raise HubError(f"{NGINX_USER} can't be put into the group {group.gr_name}: {fault}", code="site")
    return group.gr_name


def advice(site: Site, with_tls: bool) -> str:
    """What to do next, for people. Pure."""
    if with_tls:
        return "Take it over:\n\n    nginx -t && systemctl reload nginx && systemctl restart dvic-hub\n"
    return f"""There is no certificate at {site.certificate} yet. One of these:

  A name that the world can reach (certificates are renewed by certbot's own timer):

    apt-get install certbot
    nginx -t && systemctl reload nginx
    certbot certonly --webroot -w /var/www/html -d {site.host} --deploy-hook 'systemctl reload nginx'
    dvic-hub setup --url {site.url}

  A certificate from elsewhere (and --ca-file CA.pem where an authority of your own signed it):

    dvic-hub setup --url {site.url} --certificate FULLCHAIN.pem --certificate-key KEY.pem

  A network of your own, without any of that; machines get the new authority's certificate with the install line:

    dvic-hub setup --url {site.url} --private-authority
"""


def _is_ours(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return first == f"{_MARK}{_digest(rest)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
