#!/bin/sh
# Make the archive of the MicroPython package, the same bytes each time.
#
#   libraries/micropython/build.sh FOLDER
set -eu

[ $# = 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' dvic/__init__.py)
archive=$out/dvic-micropython-$version.tgz
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX \
    --exclude=__pycache__ --transform="s,^,dvic-micropython-$version/," dvic README.md | gzip -n9 >"$archive.new"
mv "$archive.new" "$archive"
printf '%s\n' "$archive"
