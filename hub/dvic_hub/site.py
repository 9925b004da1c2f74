"""What `dvic-hub setup --url https://...` writes for nginx, and what there is to do then.

    https://dvic.example.org          a site of its own: sites-available/dvic-hub, with TLS once there is a certificate
    https://www.example.org/dvic      a place in somebody's site: conf.d/dvic-hub.conf, and snippets/dvic-hub.conf,
                                      which they include; nginx strips the path, the hub does not see it

A file that a person changed is left alone: the first line that we write carries a checksum of the rest.
"""

import grp
import hashlib
import os
import pwd
import re
import subprocess
import textwrap
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
_PATH = re.compile(r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._-]+)*\Z")


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

    @property
    def path(self) -> str:
        """What nginx strips; "" for a hub with a host name of its own."""
        return urlsplit(self.url).path.rstrip("/")


def site_for(url: str, listen: str, certificate: Path | None = None, key: Path | None = None) -> Site:
    """A site with a certificate where certbot keeps it, unless others are given. Raises HubError for what nginx could
    not take as a plain word."""
    folder = LETSENCRYPT / (urlsplit(url).hostname or "")
    site = Site(url, listen, certificate or folder / "fullchain.pem", key or folder / "privkey.pem")
    for text in (url, listen, str(site.certificate), str(site.key)):
        if not _PLAIN.match(text):
            raise HubError(f"{text!r} has characters that nginx would misread", code="site")
    if not _PATH.match(site.path):
        raise HubError(f"{site.path!r} can't be a path for nginx: letters, digits and . _ - between slashes",
                       code="site")
    if site.path and (certificate or key):
        raise HubError(f"the certificate of {site.host} is its own site's, in which the hub has a place at {site.path}",
                       code="site")
    return site


def render(site: Site, with_tls: bool) -> str:
    """The site's text. Without a certificate only the part that helps to get one: nginx would not start otherwise, and
    nothing of the hub is ever served in the clear. Pure."""
    plain, tls = _template("site").split("#TLS\n")
    around = _template("http")
    if with_tls:
        tls = tls.replace("#HUB\n", textwrap.indent(_template("hub"), "    "))
        return _filled(site, f"{around}\n{plain}\n{tls}")
    around = re.sub(r"upstream dvic_hub \{.*?\n\}\n", "", around, flags=re.S)  # what only the other half uses
    return _filled(site, f"{around}{plain}")


def render_place(site: Site) -> tuple[str, str]:
    """For an address with a path: what goes around all servers, and what the server of that host includes. Pure."""
    path, hub = site.path, textwrap.indent(_template("hub"), "    ")
    log = "    access_log /var/log/nginx/dvic-hub.log dvic;\n"
    place = (f"location = {path} {{\n    return 308 {path}/;\n}}\n\n"
             f"# ^~: no rule of the server for endings such as .js takes anything out of here.\n"
             f"location ^~ {path}/ {{\n{log}{hub}}}\n")
    return _filled(site, _template("http")), _filled(site, place)


def _template(name: str) -> str:
    return files("dvic_hub").joinpath(f"templates/nginx-{name}.conf").read_text("utf-8")


def _filled(site: Site, text: str) -> str:
    """The text with its head, and the site's words for the placeholders."""
    text = (f"# The DVIC hub at {site.url}, written by: dvic-hub setup --url {site.url}\n"
            "# Change what you like: setup never writes over a file that it did not write itself, or that was changed "
            f"since.\n\n{text}")
    upstream = site.listen if site.listen.startswith("unix:") else site.listen.replace("0.0.0.0:", "127.0.0.1:")
    passed, pattern = "proxy_pass http://dvic_hub;", re.escape(site.path)
    if site.path:
        passed = f"rewrite ^{pattern}(/.*)$ $1 break;\n@INDENT@{passed}"
    text = re.sub(r"^( *)@PASS@", lambda found: found[1] + passed.replace("@INDENT@", found[1]), text, flags=re.M)
    for name, value in (("URL", site.url), ("HOST", site.host), ("UPSTREAM", upstream), ("LISTEN", str(site.port)),
                        ("PORT", "" if site.port == 443 else f":{site.port}"), ("CERTIFICATE", str(site.certificate)),
                        ("KEY", str(site.key)), ("PATTERN", pattern), ("PATH", site.path)):
        text = text.replace(f"@{name}@", value)
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    return f"{_MARK}{_digest(text)}\n{text}"


def write(site: Site, nginx: Path = NGINX) -> tuple[Path, bool]:
    """Write and enable what there is to write; returns the file that a person will look into, and whether nginx can
    serve the hub now: the certificate is there, or is somebody else's to have.

    Raises Conflict where a file is somebody else's or was changed by hand, HubError where it can't be written.
    """
    if site.path:
        around, place = render_place(site)
        _put(nginx / "conf.d" / "dvic-hub.conf", around)
        return _put(nginx / "snippets" / "dvic-hub.conf", place), True
    with_tls = site.certificate.is_file() and site.key.is_file()
    available = _put(nginx / "sites-available" / "dvic-hub", render(site, with_tls))
    enabled = nginx / "sites-enabled" / "dvic-hub"
    try:
        if not os.path.lexists(enabled):
            enabled.symlink_to(available)
    except OSError as error:
        raise HubError(f"{enabled} can't be made: {error.strerror}", code="site") from error
    return available, with_tls


def _put(file: Path, text: str) -> Path:
    try:
        if file.exists() and not _is_ours(file.read_text("utf-8", "replace")):
            raise Conflict(f"{file} was changed by hand and is left alone: move it away to have it written anew")
        beside = file.with_name(f".dvic-hub.{os.getpid()}.new")
        beside.write_text(text, "utf-8")
        beside.chmod(0o644)
        beside.replace(file)
    except OSError as error:
        raise HubError(f"{file} can't be written: {error.strerror}", code="site") from error
    return file


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
    if site.path:
        return f"""In the settings of the site https://{site.host}, within server {{ ... }} of the one with TLS, write

    include snippets/dvic-hub.conf;

and take it over:

    nginx -t && systemctl reload nginx
"""
    if with_tls:
        return "Take it over:\n\n    nginx -t && systemctl reload nginx\n"
    return f"""There is no certificate at {site.certificate} yet. One of these:

  A name that the world can reach (certificates are renewed by certbot's own timer):

    apt-get install certbot
    nginx -t && systemctl reload nginx
    certbot certonly --webroot -w /var/www/html -d {site.host} --deploy-hook 'systemctl reload nginx'
    dvic-hub setup --url {site.url}

  A certificate from elsewhere:

    dvic-hub setup --url {site.url} --certificate FULLCHAIN.pem --certificate-key KEY.pem

  A private authority on a network of your own; machines get ca.pem with the install line:

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Our authority' \\
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \\
        -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN={site.host}' \\
        -addext subjectAltName={_alt_name(site.host)} -keyout hub.key -out hub.csr
    openssl x509 -req -in hub.csr -CA ca.pem -CAkey ca.key -days 825 -copy_extensions copy -out hub.pem
    install -D -m 644 -t /etc/dvic-hub/tls ca.pem hub.pem && install -m 600 -t /etc/dvic-hub/tls hub.key
    dvic-hub setup --url {site.url} --certificate /etc/dvic-hub/tls/hub.pem \\
        --certificate-key /etc/dvic-hub/tls/hub.key

  and in hub.toml: ca_file = "/etc/dvic-hub/tls/ca.pem"; keep ca.key where no thief of this machine finds it.
"""


def _alt_name(host: str) -> str:
    is_address = ":" in host or re.fullmatch(r"[0-9.]+", host)
    return f"{'IP' if is_address else 'DNS'}:{host}"


def _is_ours(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return first == f"{_MARK}{_digest(rest)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
