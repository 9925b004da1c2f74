#!/bin/sh
# Build every library's artefact, with one command, into a folder: what the hub serves at /libraries/.
#
#   libraries/build.sh FOLDER
#
#   dvic_log-V-py3-none-any.whl   pip install        dvic-log-V.tgz   npm install
#   dvic-log-V.jar                class path         dvic-log         a shell script
#   and what the build.sh of c/ (also for C++), esp32/ and micropython/ make, each called with FOLDER
#
# The jar is made by javac and jar, so that no repository has to be reached and the hub's package needs no Maven to be built;
# libraries/java/pom.xml makes the same classes, byte for byte (tests/libraries/test_artefacts.py).
# Needed: python3 with venv (or DVIC_BUILD_PYTHON, a python with pip), a JDK (default-jdk-headless).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1763632800}
export SOURCE_DATE_EPOCH PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

python=${DVIC_BUILD_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    python=$work/venv/bin/python
fi
# where setuptools is too old to make a wheel by itself, pip fetches another
alone=--no-build-isolation
"$python" -c 'import setuptools.command.bdist_wheel' 2>/dev/null || alone=
# a copy: setuptools leaves its traces beside what it builds
cp -r "$here/python" "$work/python"
# shellcheck disable=SC2086 # an option or none
"$python" -m pip wheel --quiet $alone --no-deps --no-cache-dir --wheel-dir "$out" "$work/python"

version=$(sed -n 's|^  "version": "\(.*\)",|\1|p' "$here/javascript/package.json")
(cd "$here/javascript" && tar --create --gzip --file "$out/dvic-log-$version.tgz" --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode='a+rX,u+w,go-w' --transform='s|^|package/|' \
    README.md index.cjs index.d.mts index.d.cts index.mjs lib package.json)

version=$(sed -n 's|^  <version>\(.*\)</version>|\1|p' "$here/java/pom.xml")
mkdir "$work/classes"
find "$here/java/src/main/java" -name '*.java' -exec javac --release 11 -g -encoding UTF-8 -d "$work/classes" {} +
jar --create --file "$out/dvic-log-$version.jar" -C "$work/classes" .

install -m 755 "$here/shell/dvic-log" "$out/dvic-log"

for part in c esp32 micropython; do
    "$here/$part/build.sh" "$out"
done
chmod a+r "$out"/*
