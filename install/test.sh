#!/bin/sh
# Install what the test suite needs, then run tox.
#
#   install/test.sh [--yes] [--peers] [--only-install] [TOX-ARGUMENT...]
#
#   --yes            ask nothing (as with CI=true)
#   --peers          also install the programs that the benchmarks compare with; none of their services is started
#   --only-install   stop before tox
#
#   install/test.sh                    everything, fast first
#   install/test.sh -e unit            one part (lint unit oldest faults install machines browser)
#   install/test.sh --peers -e bench   the benchmarks
set -eu

DVIC_TOP=$(cd "$(dirname "$0")/.." && pwd)
yes='' peers='' only_install=''
usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
    case $1 in
        --yes | -y) yes=1 ;;
        --peers) peers=1 ;;
        --only-install) only_install=1 ;;
        --help | -h) usage; exit 0 ;;
        *) break ;;
    esac
    shift
done
. "$DVIC_TOP/install/common.sh"

# The agent's libraries as Debian has them (tox -e oldest), and what makes journal files.
SUITE_PACKAGES="cmake g++ locales
    python3-aiohttp python3-cryptography python3-psutil python3-sdnotify python3-systemd python3-zeroconf
    systemd-journal-remote procps git shellcheck nginx curl openssl gpg gpgv openssh-client openssh-server chromium
    asciinema"
# What the libraries' tests and artefacts need (tox -e unit, libraries/build.sh).
LIBRARY_PACKAGES="gcc g++ cmake pkg-config dash nodejs default-jdk-headless libsodium-dev gcc-riscv64-unknown-elf
    maven libmaven-compiler-plugin-java libmaven-install-plugin-java libmaven-jar-plugin-java libmaven-resources-plugin-java junit5"
# What boots machines and builds the packages that they get (tox -e machines).
MACHINE_PACKAGES="debootstrap systemd-container iproute2 debhelper dh-python dpkg-dev libpython3-dev lintian"
PEER_PACKAGES="rabbitmq-server nats-server prometheus-node-exporter zabbix-agent2 collectd glances systemd-journal-remote"

# Debian starts a service when its package is installed, unless this program says no (invoke-rc.d(8)).
POLICY=/usr/sbin/policy-rc.d
forbid_service_starts() {
    [ ! -e $POLICY ] || return 0
    trap allow_service_starts EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\n# put here by install/test.sh of DVIC while it installs packages\nexit 101\n' | as_root tee $POLICY >/dev/null
    as_root chmod 755 $POLICY
}
allow_service_starts() {
    ! grep -qs 'install/test.sh of DVIC' $POLICY || as_root rm -f $POLICY
}

# Nor shall they start at the next boot: the benchmarks start them, each with a data folder of its own.
disable_services() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for unit in "$@"; do as_root systemctl --quiet disable "$unit" >>"$log" 2>&1 || :; done
}

install_peers() {
    new=$(missing_of "$PEER_PACKAGES")
    [ -n "$new" ] || return 0
    forbid_service_starts
    need_packages "$PEER_PACKAGES"
    allow_service_starts
    for package in $new; do disable_services "$package.service"; done
    disable_services epmd.socket systemd-journal-remote.socket
}

make_state
if command -v dpkg-query >/dev/null 2>&1 && ! { installed nginx && installed openssh-server; }; then forbid_service_starts; fi
need_packages "$BUILD_PACKAGES $SUITE_PACKAGES $LIBRARY_PACKAGES $MACHINE_PACKAGES"
allow_service_starts
[ -z "$peers" ] || install_peers
"$DVIC_TOP/install/micropython.sh" >/dev/null
find_python
need_venv "$state/tox" tox==4.67.13
[ -z "$only_install" ] || exit 0
cd "$DVIC_TOP"
exec "$state/tox/bin/tox" "$@"
