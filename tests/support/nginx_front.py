"""Debian's nginx in front of a rig's hub, with the site that `dvic-hub setup` writes."""

import os
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from private_authority import PrivateAuthority
from rig import Rig, free_port, until

from dvic_hub import authority, site

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")


@dataclass
class Front:
    """nginx as a process of its own in `folder`, with the site as it is but for ports and log files.

    `upstream`: where the hub listens, as hub.toml says it, when it is not the rig's. `path`: the hub has a place there
    in a site of somebody else's, which serves and refuses things of its own.
    """

    folder: Path
    rig: Rig | None
    port: int
    authority: PrivateAuthority | authority.Files
    host: str = "localhost"
    upstream: str = ""
    path: str = ""
    nginx: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}{self.path}"

    def configure(self) -> None:
        upstream = self.upstream or f"127.0.0.1:{self.rig.port}"
        if self.path:
            text = self._somebodys_site(upstream)
        else:
            wanted = site.site_for(self.url, upstream, self.folder / "hub.pem", self.folder / "hub.key")
            text = site.render(wanted, True)
        text = "\n".join(line for line in text.splitlines() if "[::]" not in line)
        text = text.replace("/var/log/nginx", str(self.folder))
        (self.folder / "site.conf").write_text(text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off; {'user root; ' if os.geteuid() == 0 else ''}worker_processes 1;\n"
            f"pid {self.folder}/nginx.pid; error_log {self.folder}/error.log info;\n"
            "events { worker_connections 512; }\n"
            f"http {{ client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;\n"
            f"fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;\n"
            f"include {self.folder}/site.conf; }}\n")

    def _somebodys_site(self, upstream: str) -> str:
        """A site that includes what setup writes for an address with a path."""
        around, place = site.render_place(site.site_for(self.url, upstream))
        return (f"{around}\nserver {{\n    listen {self.port} ssl;\n    server_name {self.host};\n"
                f"    ssl_certificate {self.folder}/hub.pem;\n    ssl_certificate_key {self.folder}/hub.key;\n"
                "    location / { default_type text/html; return 200 '<title>somebody else</title>'; }\n"
                "    location ~ \\.(js|css|deb|gz)$ { return 418; }\n"
                f"{place}}}\n")

    def start(self) -> None:
        self.configure()
        self.nginx = subprocess.Popen([NGINX, "-c", str(self.folder / "nginx.conf"), "-e",
                                       str(self.folder / "error.log")], stderr=subprocess.DEVNULL)
        until(lambda: self.status("/healthz") == 200, "nginx answers")

    def stop(self) -> None:
        if self.nginx is not None:
            self.nginx.terminate()
            self.nginx.wait(10)

    def reload(self) -> None:
        """SIGHUP, and wait for the new worker."""
        before = self.workers()
        self.nginx.send_signal(signal.SIGHUP)
        until(lambda: self.workers() - before, "a new worker")

    def workers(self) -> set[str]:
        return set(Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text().split())

    def ask(self, path: str, **headers: str) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ask_bytes(self, path: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        with urllib.request.urlopen(self.url + path, context=context, timeout=10) as answer:
            return answer.read()

    def status(self, path: str) -> int:
        try:
            return self.ask(path)[0]
        except OSError:
            return 0

    def log(self) -> str:
        return "".join((self.folder / name).read_text() for name in ("dvic-hub.log", "error.log"))
