#!/bin/sh
# Installs dvic-agent from the hub's own apt repository, joins the hub and waits until the machine is online.
#
#     curl -fsSL https://HUB/install/TOKEN | sudo sh
#     curl -fsSL https://HUB/install/TOKEN | sudo sh -s -- --name lab-7      what follows -- goes to dvic-agent enroll
#
# Running it again is harmless; with DVIC_TELL set it says each step. The hub fills in the four values below; the token
# reaches the agent as a file that only root can read. Everything is in functions, so that half a download does nothing.
set -eu

TOKEN=@TOKEN@
URL=@URL@
APT_KEY=@APT_KEY@
CA=@CA@

KEYRING=/etc/apt/keyrings/dvic.asc
SOURCES=/etc/apt/sources.list.d/dvic.sources
APT_CONF=/etc/apt/apt.conf.d/80dvic
CA_FILE=/etc/dvic-agent/hub-ca.pem
ONLINE_SECONDS=${DVIC_ONLINE_SECONDS:-60}

say() { printf 'dvic: %s\n' "$*"; }
step() { [ -z "${DVIC_TELL:-}" ] || say "$*"; }

# fail WHAT [WHAT TO DO]: one line, the log's end before it where there is one.
fail() {
    [ ! -s "$work/log" ] || tail -n 15 "$work/log" >&2
    printf 'dvic: %s%s; then run the same line again\n' "$1" "${2:+: $2}" >&2
    exit 1
}

# put FILE TEXT: the file whole, readable for all, and only where it differs.
put() {
    if [ -f "$1" ] && printf '%s\n' "$2" | cmp -s - "$1"; then return; fi
    mkdir -p "$(dirname "$1")"
    (umask 022 && printf '%s\n' "$2" >"$1.dvic-new") && mv -f "$1.dvic-new" "$1"
}

# quietly CMD...: its output goes to the log; nothing may read the rest of this script from standard input.
quietly() { "$@" >>"$work/log" 2>&1 </dev/null; }

apt() { quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@"; }

check_machine() {
    [ "$(id -u)" = 0 ] || fail "this needs root" "put sudo before sh"
    command -v apt-get >/dev/null 2>&1 ||
        fail "this machine has no apt" "install dvic-agent by hand and use: dvic-agent enroll"
}

add_repository() {
    put "$KEYRING" "$APT_KEY"
    trusted=$(cat "$CA_FILE" 2>/dev/null || true)
    if [ -n "$CA" ]; then
        put "$CA_FILE" "$CA"
        host=${URL#*://}
        host=${host%%[:/]*}
        put "$APT_CONF" "Acquire::https::$host::CAInfo \"$CA_FILE\";"
    else
        rm -f "$APT_CONF" "$CA_FILE"
    fi
    put "$SOURCES" "# The DVIC hub that this machine belongs to; written by its install script.
Types: deb
URIs: $URL/apt/
Suites: /
Signed-By: $KEYRING"
    apt -o "Dir::Etc::SourceList=$SOURCES" -o Dir::Etc::SourceParts=/dev/null -o APT::Get::List-Cleanup=0 \
        -o APT::Update::Error-Mode=any update ||
        fail "the hub's packages at $URL/apt/ can't be read" "look above, and at this machine's clock and network"
}

install_agent() {
    # Where the power was cut while packages were unpacked, apt does nothing before this is done.
    quietly env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true
    apt -y --no-install-recommends install dvic-agent && return
    # Debian's own lists may be missing or old; a foreign repository that fails is not our business.
    apt update || true
    apt -y --no-install-recommends install dvic-agent ||
        fail "dvic-agent can't be installed" "look above; does the hub serve it (hubctl release ls)?"
}

join() {
    (umask 077 && printf '%s\n' "$TOKEN" >"$work/token")
    dvic-agent enroll --token-file "$work/token" "$@" >"$work/joined" 2>"$work/refused" </dev/null || {
        reason=$(tail -n 1 "$work/refused")
        : >"$work/log"
        fail "this machine can't join the hub: ${reason#dvic-agent: }"
    }
    rm -f "$work/token"
}

start_agent() {
    quietly systemctl enable --now dvic-executor.socket dvic-agent.service ||
        fail "dvic-agent does not start" "systemctl status dvic-agent dvic-executor.socket"
    # One that ran before has read its authority already.
    [ "$trusted" = "$(cat "$CA_FILE" 2>/dev/null || true)" ] || quietly systemctl reload-or-restart dvic-agent.service ||
        fail "dvic-agent does not start again" "systemctl status dvic-agent"
}

wait_online() {
    left=$ONLINE_SECONDS
    while ! dvic-agent status --json 2>/dev/null </dev/null | grep -q '"connection": {"state": "connected"'; do
        left=$((left - 1))
        if [ "$left" -le 0 ]; then
            said=$(dvic-agent status 2>&1 </dev/null | head -n 1 || true)
            : >"$work/log"
            fail "enrolled, but not online after $ONLINE_SECONDS s ($said)" "dvic-agent doctor says what to do"
        fi
        sleep 1
    done
}

main() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    check_machine
    step "adding the packages of $URL"
    add_repository
    step "installing dvic-agent"
    install_agent
    step "joining the hub"
    join "$@"
    joined=$(tail -n 1 "$work/joined")
    if [ ! -d /run/systemd/system ]; then
        say "$joined; there is no systemd here: start dvic-agent run and dvic-executor --listen yourself"
        return
    fi
    step "starting it"
    start_agent
    wait_online
    say "online: $joined"
}

main "$@"
