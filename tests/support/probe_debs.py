"""Small Debian packages for tests, built by dpkg-deb."""

import subprocess
from pathlib import Path


def make_deb(folder: Path, package: str, version: str, architecture: str = "all", *, depends: str = "",
             files: dict[str, str] | None = None, postinst: str = "", compression: str = "xz",
             fields: dict[str, str] | None = None) -> Path:
    """Build a package in `folder`; `files` is path to text, those in bin/ can be executed; `fields` of its control
    file."""
    tree = folder / f"{package}-{version}-tree"
    (tree / "DEBIAN").mkdir(parents=True)
    lines = [f"Package: {package}", f"Version: {version}", f"Architecture: {architecture}",
             "Maintainer: Tests <tests@example.org>", "Description: made by a test", " and for nothing else"]
    if depends:
        lines.insert(3, f"Depends: {depends}")
    lines[3:3] = [f"{name}: {value}" for name, value in (fields or {}).items()]
    (tree / "DEBIAN" / "control").write_text("\n".join(lines) + "\n")
    if postinst:
        (tree / "DEBIAN" / "postinst").write_text(postinst)
        (tree / "DEBIAN" / "postinst").chmod(0o755)
    for name, text in (files or {}).items():
        path = tree / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if "bin" in path.parts else 0o644)
    target = folder / f"{package}_{version.partition(':')[2] or version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", f"-Z{compression}", "-b", str(tree), str(target)],
                   check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    return target
