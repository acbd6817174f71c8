#!/usr/bin/env bash
# Find a Python and run `install.py` with it. Written for bash 3.2, which is what macOS has.
#
# The rest is Python because bash 5.2 can miss a signal, or fail on its own trap, while it reads a $(...).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=

main() {
    trap 'exit 130' INT # otherwise bash forgets a signal that comes while a command runs and does not die of it
    trap 'exit 143' TERM
    [ "${RUNNER_OS:-}" != Windows ] || fail 'reconciler runs on Linux and macOS runners; choose one with runs-on'
    find_python
    # Replaced by Python, this process gives it the signals of a job that is cancelled.
    exec "$python" -I -S -u "$root/action/install.py" </dev/null
}

find_python() {
    local each
    if [ -n "${INPUT_PYTHON:-}" ]; then
        suits "$INPUT_PYTHON" || fail "the input python names '$INPUT_PYTHON', which is not a Python 3.11 or newer that can \
make virtual environments; leave the input empty to have one found"
        python=$INPUT_PYTHON
        return
    fi
    for each in python3 python3.14 python3.13 python3.12 python3.11; do
        if suits "$each"; then
            python=$each
            return
        fi
    done
    fail 'no Python 3.11 or newer that can make virtual environments is on PATH; add a step with actions/setup-python, or \
name one with the input python (on Debian, venv is a package by itself: python3-venv)'
}

suits() {
    "$1" -I -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Say in an annotation what is wrong and what to do, and end.
fail() {
    local message
    message=${1//[%]/%25}
    message=${message//$'\r'/%0D}
    message=${message//$'\n'/%0A}
    printf '::error title=reconciler::%s\n' "$message"
    [ -z "${GITHUB_OUTPUT:-}" ] || printf 'exit-code=1\n' >>"$GITHUB_OUTPUT"
    exit 1
}

main
