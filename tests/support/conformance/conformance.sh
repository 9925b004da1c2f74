#!/bin/sh
# A conformance program in the shell: reads actions (tests/libraries/test_conformance.py says how), logs them.
top=$(cd "$(dirname "$0")/../../.." && pwd)
tab=$(printf '\t')
unset name service component cycle source

plain() { # plain FIELD: sets `text`, with the ends of lines that it ends with
    text=$(printf '%b.' "$1")
    text=${text%.}
}

act() {
    "$top/libraries/shell/dvic-log" --logger "${name:-}" --service "${service:-}" --component "${component:-}" \
        --cycle "${cycle:-}" --source "${source:-}" -- "$@"
}

while IFS= read -r line; do
    set --
    while :; do
        plain "${line%%"$tab"*}"
        set -- "$@" "$text"
        case $line in *"$tab"*) line=${line#*"$tab"} ;; *) break ;; esac
    done
    case $1 in
        logger) name=$2 service=$3 component=$4 cycle=$5 source=$6 ;;
        say) echo "$2" ;;
        log) shift; act "$@" ;;
        many)
            left=$2
            shift 2
            while [ "$left" -gt 0 ]; do
                act "$@"
                left=$((left - 1))
            done
            ;;
        *) act "$@" ;;
    esac
done
