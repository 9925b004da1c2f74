#!/bin/sh
# Build what is installed: from a clean checkout, with one command, into dist/.
#
#   packaging/build.sh [--out DIR] [--version V] [--bundle DIR] [agent] [hub] [binary] [wheels]
#
#   agent    dvic-agent_V_all.deb         any Debian 12 or 13
#   hub      dvic-hub_V_amd64.deb         the same; build it on 12, for the C library's sake
#   binary   dvic-hub-V-linux-x86_64      one plain file, for other distributions; link it as hubctl too
#   wheels   for pip and pipx
#
# Without a name all of them are built. --version gives another one than setup.cfg; --bundle names a folder that keeps the
# hub's bundle between builds: it is taken from there when it was made of these very sources, and else made anew.
# Needed from Debian: debhelper dh-python dpkg-dev git libpython3-dev python3-venv, and for the hub cmake and
# default-jdk-headless.
# DVIC_BUILD_VENV names a virtual environment to keep between builds.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/dist version='' bundle='' wanted=''
usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
    case $1 in
        --out) out=${2:?--out needs a folder}; shift ;;
        --version) version=${2:?--version needs a version}; shift ;;
        --bundle) mkdir -p "${2:?--bundle needs a folder}"; bundle=$(cd "$2" && pwd); shift ;;
        --help | -h) usage; exit 0 ;;
        agent | hub | binary | wheels) wanted="$wanted $1" ;;
        *) echo "build.sh: unknown: $1" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
[ -n "$wanted" ] || wanted='agent hub binary wheels'
mkdir -p "$out"
out=$(cd "$out" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
umask 022
export DVIC_BUILD_VENV="${DVIC_BUILD_VENV:-$work/venv}"

# A copy of what is under version control, so that nothing else of the checkout gets in, and the checkout stays clean.
tree=$work/dvic
mkdir "$tree"
(cd "$top" && git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read) |
    tar --extract --directory="$tree" --no-same-permissions
given=$(sed -n 's/^version = //p' "$tree/setup.cfg")
version=${version:-$given}
sed -i "s/^version = .*/version = $version/" "$tree/setup.cfg"
sed -i "s/^VERSION = .*/VERSION = \"$version\"/" "$tree/agent/dvic_agent/version.py"
SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

cp -r "$tree/packaging/debian" "$tree/debian"
sed -n 's/^Maintainer: //p' "$tree/debian/control" >"$work/maintainer"
cat >"$tree/debian/changelog" <<END
dvic ($version) unstable; urgency=medium

$(git -C "$top" log -1 --format=%s | fold -s -w 72 | sed '1s/^/  * /; 2,$s/^/    /; s/ *$//')

 -- $(cat "$work/maintainer")  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END

need_venv() {
    [ -x "$DVIC_BUILD_VENV/bin/python" ] || /usr/bin/python3 -m venv "$DVIC_BUILD_VENV"
}

keep_bundle() {
    [ "$(cat "$bundle/sources.sha256" 2>/dev/null)" != "$("$tree/packaging/binary/build.sh" --digest)" ] || return 0
    "$tree/packaging/binary/build.sh" "$work/made"
    rm -rf "$bundle"
    mv "$work/made/dvic-hub" "$bundle"
}

deb() { # deb KIND: all or any
    (cd "$tree" && DVIC_BUNDLE="$bundle" dpkg-buildpackage --build="$1" --unsigned-changes --unsigned-buildinfo \
        --no-check-builddeps >"$work/$1.log" 2>&1) || { tail -n 40 "$work/$1.log" >&2; exit 1; }
    mv "$work"/*.deb "$out/"
    rm -f "$work"/*.changes "$work"/*.buildinfo
}

for each in $wanted; do
    case $each in
        agent) deb all ;;
        hub)
            need_venv
            [ -z "$bundle" ] || keep_bundle
            deb any
            ;;
        binary)
            need_venv
            "$tree/packaging/binary/build.sh" "$work/one" --one-file
            mv "$work/one/dvic-hub" "$out/dvic-hub-$version-linux-$(uname -m)"
            ;;
        wheels)
            need_venv
            "$DVIC_BUILD_VENV/bin/pip" install --quiet "${tree}[page]"
            "$tree/hub/dashboard/build.sh" --python "$DVIC_BUILD_VENV/bin/python"
            "$DVIC_BUILD_VENV/bin/pip" wheel --quiet --no-deps --wheel-dir "$out" "$tree" "$tree/libraries/python"
            ;;
    esac
done
ls -l "$out"
