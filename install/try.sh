#!/bin/sh
# Try DVIC on this machine: a hub, an agent enrolled at it, an executor and a small program that logs. Ctrl-C ends all of it.
#
#   install/try.sh [--port N] [--with PROGRAM] [--yes]
#   install/try.sh --join TOKEN [--yes]
#
#   --port N       where the hub listens on 127.0.0.1 (8420)
#   --with PROGRAM a Python program that runs beside it (examples/detector/run.sh)
#   --join TOKEN   instead of all that, one more node of the hub that made the token
#   --yes          ask nothing (as with CI=true)
#
# Everything is kept in .dvic/ in this checkout; remove that folder to begin anew.
set -eu

DVIC_TOP=$(cd "$(dirname "$0")/.." && pwd)
port=8420
yes='' join='' with=''
usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
    case $1 in
        --port) port=${2:?--port needs a number}; shift ;;
        --port=*) port=${1#--port=} ;;
        --with) with=${2:?--with needs a program}; shift ;;
        --join) join=${2:?--join needs a token}; shift ;;
        --join=*) join=${1#--join=} ;;
        --yes | -y) yes=1 ;;
        --help | -h) usage; exit 0 ;;
        *) echo "dvic: unknown option $1" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
. "$DVIC_TOP/install/common.sh"
case $port in '' | *[!0-9]*) fail "--port needs a number, got $port" ;; esac

make_state
need_packages "$BUILD_PACKAGES"
find_python
need_venv "$state/venv" -e "${DVIC_TOP}[hub,agent,page]" -e "$DVIC_TOP/libraries/python"

build="$DVIC_TOP/hub/dashboard/build.sh"
if [ -z "$join" ] && "$build" --needed; then
    say "Building the web page ..."
    logged "building the web page" "is there a network?" "$build" --python "$state/venv/bin/python"
fi

# From here on it is this very process: a signal to it ends everything.
exec "$state/venv/bin/python" "$DVIC_TOP/install/trial" --state "$state" --port "$port" ${join:+--join "$join"} ${with:+--with "$with"}
