# shellcheck shell=sh
# Pieces that try.sh and test.sh share. POSIX sh; sourced with DVIC_TOP set to the checkout's top. Nothing here acts by itself.

# What both need to build the Python environment: systemd-python is compiled against the machine's libsystemd.
# shellcheck disable=SC2034
BUILD_PACKAGES="python3 python3-venv python3-dev gcc pkg-config libsystemd-dev ca-certificates"

state=$DVIC_TOP/.dvic
log=$state/install.log
yes=${yes:-}

say() { printf '%s\n' "$*"; }

fail() {
    printf 'dvic: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '      %s\n' "$2" >&2
    exit 1
}

# A person is there when a terminal is, and nobody said that there is none.
person_is_there() { [ -t 0 ] && [ -t 1 ] && [ "${CI:-}" != true ] && [ -z "$yes" ]; }

# ask QUESTION: true for Enter or y; true without asking when no person is there.
ask() {
    person_is_there || return 0
    printf '%s [Y/n] ' "$1"
    read -r answer || return 1
    case $answer in "" | [yY]*) return 0 ;; *) return 1 ;; esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else fail "this needs root: $*" "run it as root, or install sudo"
    fi
}

make_state() {
    { mkdir -p "$state" && touch "$log"; } 2>/dev/null || fail "$state can't be written by $(id -un)" \
        "start as the user who started it first (with sudo?), or remove $state"
    chmod 700 "$state"
}

# logged WHAT HELP CMD...: run CMD into the log, and when it fails show what it said last.
logged() {
    what=$1 help=$2
    shift 2
    printf '\n### %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 || {
        tail -n 12 "$log" >&2
        fail "$what failed" "$help (all of it: $log)"
    }
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# missing_of "PACKAGE PACKAGE ...": those of them that are not installed.
missing_of() {
    for package in $1; do installed "$package" || printf '%s ' "$package"; done
}

# need_packages "PACKAGE PACKAGE ...": install from Debian what is missing. On other systems, trust and go on.
need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "This is not Debian: nothing is installed. Needed are the likes of: $1"
        return
    fi
    wanted=$(missing_of "$1")
    [ -n "$wanted" ] || return 0
    ask "Install with apt-get: ${wanted% }?" || fail "these packages are needed: $wanted" "apt-get install $wanted"
    say "Installing ${wanted% } ..."
    logged "apt-get update" "is there a network, and does /etc/apt name a mirror?" as_root apt-get -q update
    # shellcheck disable=SC2086 # split into words on purpose
    logged "apt-get install" "is there a network?" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qy install --no-install-recommends $wanted
}

# The python to build from: Debian's own when it is new enough.
find_python() {
    for python in /usr/bin/python3 "$(command -v python3)"; do
        [ -x "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return 0
    done
    fail "Python 3.11 or newer is needed (Debian 12 has it); here is $(python3 --version 2>&1 || echo none)"
}

# need_venv DIR PIP-ARGUMENT...: a virtual environment with these, built again only when what decides it has changed.
need_venv() {
    venv=$1
    shift
    stamp=$(cat "$DVIC_TOP/setup.cfg" "$DVIC_TOP/pyproject.toml" "$DVIC_TOP/libraries/python/pyproject.toml" | cksum)
    stamp="$DVIC_TOP $("$python" --version 2>&1) $* $stamp"
    [ "$(cat "$venv/built-from" 2>/dev/null)" = "$stamp" ] && return 0
    say "Building $venv ..."
    logged "making a virtual environment" "is python3-venv installed?" "$python" -m venv --clear "$venv"
    logged "pip install" "is there a network?" env PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install "$@"
    printf '%s' "$stamp" >"$venv/built-from"
}
