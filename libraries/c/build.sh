#!/bin/sh
# Build what programs in C and C++ take in, into a folder. Prints the path of each thing that was made.
#
#   libraries/c/build.sh [DIR] [deb] [source]
#
#   deb      libdvic-log-dev_V_ARCH.deb      headers, static library, pkg-config, CMake; any Debian 12 or 13
#   source   dvic-log-c-V.tar.gz             dvic_log.c as one file, and the headers: to copy into a program
#
# Without a name both are built; DIR is dist/ at the checkout's top. Needed from Debian for deb: cmake debhelper dpkg-dev gcc.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out='' wanted=''
for word in "$@"; do
    case $word in
        --help | -h) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        deb | source) wanted="$wanted $word" ;;
        *) [ -z "$out" ] || { echo "build.sh: unknown: $word" >&2; exit 2; }; out=$word ;;
    esac
done
out=${out:-$here/../../dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
umask 022
version=$(sed -n 's/^#define DVIC_LOG_VERSION "\(.*\)"/\1/p' "$here/dvic_log.h")
: "${SOURCE_DATE_EPOCH:=$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

make_deb() {
    tree=$work/dvic-log
    mkdir "$tree"
    cp -r "$here" "$tree/c"
    cp -r "$here/../cpp" "$tree/cpp"
    mv "$tree/c/debian" "$tree/debian"
    sed -i "s/^project(dvic-log VERSION [0-9.]*/project(dvic-log VERSION $version/" "$tree/c/CMakeLists.txt"
    cat >"$tree/debian/changelog" <<END
dvic-log ($version) unstable; urgency=medium

  * See the history of the project.

 -- $(sed -n 's/^Maintainer: //p' "$tree/debian/control")  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END
    # of nothing around it: the hub's package is built around this one, by the same tools
    (cd "$tree" && env -i PATH="$PATH" HOME="$work" SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
        dpkg-buildpackage --build=any --unsigned-changes --unsigned-buildinfo --no-check-builddeps >"$work/log" 2>&1) || { tail -n 40 "$work/log" >&2; exit 1; }
    made=$(cd "$work" && echo libdvic-log-dev_*.deb)
    mv "$work/$made" "$out/"
    echo "$out/$made"
}

# The parts in one file: each #include "src/..." becomes what it names.
one_source() {
    awk -v here="$here" '
        /^#include "src\// {
            split($0, word, "\"")
            print ""
            while ((getline line < (here "/" word[2])) > 0) print line
            next
        }
        { print }' "$here/dvic_log.c"
}

make_source() {
    tree=$work/dvic-log-c-$version
    mkdir "$tree"
    one_source >"$tree/dvic_log.c"
    cp "$here/dvic_log.h" "$here/README.md" "$here/../cpp/dvic_log.hpp" "$here/../cpp/dvic_packages.hpp" "$tree/"
    made=$out/dvic-log-c-$version.tar.gz
    tar --create --directory="$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        "dvic-log-c-$version" | gzip -n >"$made"
    echo "$made"
}

for each in ${wanted:-deb source}; do "make_$each"; done
