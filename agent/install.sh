#!/bin/sh
# Puts this bundle at DST: an environment of its own, with everything it needs, without a network.
# Plain POSIX sh; data/agent.py does the work and checks it.
set -u

usage() {
    echo "Usage: ./install.sh [OPTIONS] DST"
}

wrong_usage() {
    { usage; echo; echo "Error: $1"; } >&2
    exit 1
}

fail() {
    echo "Error: $1" >&2
    exit 1
}

help() {
    usage
    cat <<'END'

Install this bundle into the directory DST, which must not exist or be empty.

Options:
  -p, --python PY  the Python interpreter to use
  --help           show this message and exit
END
    exit 0
}

python=
while [ $# -gt 0 ]; do
    case $1 in
        -p | --python)
            [ $# -gt 1 ] || wrong_usage "option $1 needs a value"
            python=$2
            shift
            ;;
        --python=*) python=${1#--python=} ;;
        --help) help ;;
        --)
            shift
            break
            ;;
        -?*) wrong_usage "no such option: $1" ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || wrong_usage "DST is missing"
[ $# -eq 1 ] || wrong_usage "unexpected argument: $2"
[ -n "$1" ] || wrong_usage "DST is empty"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || fail "cannot find the directory of \`$0\`"

# "3.11"; nothing for a package of files, or one that brings its interpreter: these need Python only to run this program.
needed=$(sed -n 's/.*"python":"\([0-9.]*\)".*/\1/p' "$here/info.json")

# The minor of an interpreter, or nothing where it does not run.
minor() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null
}

# Whether that is a Python which can run this program.
serves() {
    case $(minor "$1") in '' | 2.* | 3.[0-5]) return 1 ;; esac
}

# The archive of the interpreter that this bundle brings, and the program in it.
brought=$(sed -n 's/.*"interpreter":{"archive":"\([^"]*\)","program":"\([^"]*\)"}.*/\1 \2/p' "$here/info.json")
unpacked=
if [ -z "$python" ] && [ -n "$brought" ] && ! serves python3; then
    unpacked=$(mktemp -d "${TMPDIR:-/tmp}/caisson-python.XXXXXX") || fail "cannot make a directory in \`${TMPDIR:-/tmp}\`"
    trap 'rm -rf "$unpacked"' EXIT
    trap 'exit 1' HUP INT TERM
    tar -xf "$here/${brought%% *}" -C "$unpacked" || fail "tar cannot unpack this bundle's interpreter"
    python=$unpacked/${brought#* }
fi

if [ -z "$python" ]; then
    for candidate in ${needed:+"python$needed"} python3; do
        if found=$(minor "$candidate") && { [ -z "$needed" ] || [ "$found" = "$needed" ]; }; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "this bundle needs CPython ${needed:-3.6 or newer}, and there is none on PATH; name one with --python PY"
fi

found=$(minor "$python") || fail "cannot run \`$python\`"
if [ -n "$needed" ] && [ "$found" != "$needed" ]; then
    fail "this bundle needs CPython $needed, \`$python\` is $found"
fi
case $found in
    2.* | 3.[0-5]) fail "this bundle needs Python 3.6 or newer, \`$python\` is $found" ;;
esac

if [ -n "$unpacked" ]; then
    # In the background, since a shell that waits for a program hears no signal before that has ended.
    "$python" -I "$here/data/agent.py" install "$here" "$1" --python "$python" &
    child=$!
    trap 'kill "$child"' HUP INT TERM
    wait "$child"
    status=$?
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        status=$?
    done
    exit "$status"
fi
exec "$python" -I "$here/data/agent.py" install "$here" "$1" --python "$python"
