#!/bin/sh
# A trial of DVIC with the detector: a hub, an agent and the simulation on this machine, until Ctrl-C. Takes try.sh's options.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../../install/try.sh" --with "$here/simulation.py" "$@"
