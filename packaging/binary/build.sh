#!/bin/sh
# Build the hub's bundle, or one plain file, from a source tree.
#
#   packaging/binary/build.sh OUT [--one-file]
#   packaging/binary/build.sh --digest      only say which sources it would be made of
#
# OUT/dvic-hub is the bundle's folder, or the file. A bundle says in sources.sha256 what it was made of. What it carries is
# pinned in setup.cfg (extras hub and binary). It runs wherever the C library is as new as the building machine's: build on
# the oldest Debian that shall run it (12).
# DVIC_BUILD_VENV names a virtual environment to keep between builds.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
parts='setup.cfg pyproject.toml README.md wire push agent hub'
digest() { # of all that may go into it: these parts, and what setup.cfg pins
    # shellcheck disable=SC2086 # several words
    (cd "$top" && find $parts packaging/binary -type f -not -path '*/__pycache__/*' \
        -not -path '*.egg-info/*' -not -path '*/node_modules/*' -not -path '*/web/static/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}
if [ "$1" = --digest ]; then
    digest
    exit
fi
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
venv=${DVIC_BUILD_VENV:-$work/venv}
[ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
# shellcheck disable=SC2086
(cd "$top" && cp -r $parts "$work/")
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
"$venv/bin/pip" install --quiet "${work}[hub,binary,page]"
"$work/hub/dashboard/build.sh" --python "$venv/bin/python"
rm -rf "$work/hub/dashboard"
"$venv/bin/pip" install --quiet --no-deps --force-reinstall "$work"  # the very tree, whatever was there
[ "${2:-}" != --one-file ] || export DVIC_ONE_FILE=1
rm -rf "$out/dvic-hub"
"$venv/bin/pyinstaller" --log-level WARN --distpath "$out" --workpath "$work/pyinstaller" "$top/packaging/binary/dvic-hub.spec"
[ -n "${DVIC_ONE_FILE:-}" ] || digest >"$out/dvic-hub/sources.sha256"
