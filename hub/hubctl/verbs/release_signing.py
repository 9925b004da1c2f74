"""hubctl release keygen | sign: what is done on a machine that is connected to nothing."""

import hashlib
import io
import os
import time
from pathlib import Path

import click

from dvic_wire.deb import read_control
from dvic_wire.errors import WireError
from dvic_wire.versions import check_version
from hubctl.errors import Usage
from hubctl.output import say

ENDING = ".manifest"
"""Of the file beside a package that holds its manifest."""


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Make a key that signs packages. FILE gets the private key; the public one is printed.

    Works without a hub. The hub learns the public key by `hubctl release keys add`; a machine's owner may name it in
    policy.toml (release_keys) instead, and then trusts no other.

    \b
    Examples:
      hubctl release keygen signing.pem > signing.pub
    """
    from dvic_wire.signing import PrivateKey, b64encode  # noqa: PLC0415 (cryptography takes 60 ms)

    key = PrivateKey.generate()
    try:
        key.save(file)
    except FileExistsError:
        raise Usage(f"{file} exists: a key is never written over", "give another name") from None
    except OSError as error:
        raise Usage(f"{file} can't be written: {error.strerror}", "give another file") from None
    say(f"{file} holds the private key: keep it where no machine of the hub can read it. Its fingerprint is "
        f"{key.fingerprint}, its public key:")
    click.echo(b64encode(key.public.raw))


@click.command()
@click.argument("file", metavar="FILE.deb", type=click.Path(path_type=Path))
@click.option("--key", "key_file", metavar="KEYFILE", required=True, type=click.Path(path_type=Path),
              help="The private key, as hubctl release keygen wrote it.")
@click.option("--to", "target", metavar="MANIFEST", type=click.Path(path_type=Path),
              help="Write it there instead of beside the package.")
@click.option("--minimum-hub", metavar="VERSION", default="", help="The oldest hub that this agent can talk to.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
def sign(file: Path, key_file: Path, target: Path | None, minimum_hub: str, days: int) -> None:
    """Sign a package: write its manifest beside it. Works without a hub.

    \b
    Examples:
      hubctl release sign dvic-agent_1.2.0_all.deb --key signing.pem
      hubctl release add dvic-agent_1.2.0_all.deb --manifest dvic-agent_1.2.0_all.deb.manifest
    """
    from dvic_wire.signing import PrivateKey  # noqa: PLC0415 (cryptography takes 60 ms)
    from dvic_wire.updates import Manifest, read_manifest  # noqa: PLC0415

    try:
        key = PrivateKey.load(key_file)
    except (OSError, WireError) as error:
        raise Usage(f"the key {key_file} can't be used: {error}", "give one that hubctl release keygen made") from None
    try:
        if minimum_hub:
            check_version(minimum_hub)
        control, size, digest = _about(file)
        manifest = Manifest(control.package, control.version, control.architecture, size, digest,
                            minimum_hub or control.minimum_hub)
        text = manifest.sign(key, now=time.time(), ttl=days * 86_400)
        read_manifest(text, (key.public,), now=None)
    except WireError as error:
        raise Usage(f"{file}: {error}", "give a Debian package") from None
    target = target or file.with_name(file.name + ENDING)
    _write(target, text)
    say(f"{target} says that {control.package} {control.version} is this file, signed by {key.fingerprint} for "
        f"{days} days. Next: hubctl release add {file} --manifest {target}")


def _about(file: Path):
    """What the package says of itself, its size, and its SHA-256; raises Usage or MalformedMessage."""
    try:
        with file.open("rb") as data:
            control = read_control(data, {".zst": _unpack})
            data.seek(0)
            return control, file.stat().st_size, hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}", "give another file") from None


def _unpack(data: bytes, limit: int) -> bytes:
    import zstandard  # noqa: PLC0415 (only for packages that are compressed so)

    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(limit)


def _write(target: Path, text: str) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        beside.write_text(text + "\n", "ascii")
        beside.rename(target)
    except OSError as error:
        raise Usage(f"{target} can't be written: {error.strerror}", "say --to another file") from None
    finally:
        beside.unlink(missing_ok=True)
