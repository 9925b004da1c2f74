#!/bin/sh
# Get Debian's MicroPython for the test suite: the package, where this Debian has it; otherwise (Debian 12) that of
# Debian 13 with its libraries, unpacked into a folder of its own, which nothing else of the machine ever looks into.
#
#   install/micropython.sh            prints the path of a program micropython
set -eu

DVIC_TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$DVIC_TOP/install/common.sh"

SUITE=trixie
here=$state/micropython

if found=$(command -v micropython); then
    say "$found"
    exit 0
fi
if [ -x "$here/micropython" ] && "$here/micropython" -c pass 2>/dev/null; then
    say "$here/micropython"
    exit 0
fi
make_state
command -v apt-get >/dev/null 2>&1 || fail "the tests need a program micropython" "install it, and have it in PATH"
rm -rf "$here"
mkdir -p "$here/lists/partial" "$here/archives/partial" "$here/root"
: >"$here/status"
mirror=${DVIC_DEBIAN_MIRROR:-http://deb.debian.org/debian}
printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$SUITE" >"$here/sources.list"
cat >"$here/apt.conf" <<END
Dir::State "$here";
Dir::State::status "$here/status";
Dir::Cache "$here";
Dir::Etc::SourceList "$here/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "";
END
apt() { APT_CONFIG=$here/apt.conf apt-get -qy "$@"; }
logged "apt-get update for $SUITE" "is there a network?" apt update
logged "fetching micropython" "is there a network?" apt --no-install-recommends --download-only install micropython
for package in "$here"/archives/*.deb; do logged "unpacking $package" "is the disk full?" dpkg-deb -x "$package" "$here/root"; done
rm -rf "$here/lists" "$here/archives" "$here"/*pkgcache.bin
loader=$(find "$here/root" -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail "the libraries of micropython hold no loader" "look into $here/root"
cat >"$here/micropython" <<END
#!/bin/sh
exec '$loader' --library-path '${loader%/*}' '$here/root/usr/bin/micropython' "\$@"
END
chmod 755 "$here/micropython"
logged "micropython" "it does not start" "$here/micropython" -c pass
say "$here/micropython"
