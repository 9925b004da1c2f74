#!/bin/sh
# Make the Arduino library's zip, the same bytes each time.
#
#   libraries/esp32/build.sh FOLDER
set -eu

[ $# = 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
exec python3 - "$(cd "$(dirname "$0")" && pwd)" "$out" <<'END'
import pathlib
import sys
import zipfile

here, out = map(pathlib.Path, sys.argv[1:])
properties = dict(line.split("=", 1) for line in (here / "library.properties").read_text().splitlines() if "=" in line)
archive = out / f"DVIC-{properties['version']}.zip"
new = archive.with_suffix(".new")
parts = [here / "library.properties", here / "keywords.txt", here / "README.md",
         *sorted((here / "src").iterdir()), *sorted((here / "examples").rglob("*.ino"))]
with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as written:
    for part in parts:
        entry = zipfile.ZipInfo(f"DVIC/{part.relative_to(here)}")
        entry.external_attr = 0o100644 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        written.writestr(entry, part.read_bytes())
new.replace(archive)
print(archive)
END
