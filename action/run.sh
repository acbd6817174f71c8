#!/usr/bin/env bash
# Find a Python interpreter and run `install.py` with it. Written for bash 3.2, the version on macOS.
#
# The rest is in Python because bash 5.2 can miss a signal, or fail in its own trap, while it reads a $(...).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=

main() {
    trap 'exit 130' INT # otherwise, bash ignores a signal that arrives during a command that survives it
    trap 'exit 143' TERM
    [ "${RUNNER_OS:-}" != Windows ] || fail 'reconciler runs on Linux and macOS runners; choose one with runs-on'
    find_python
    # exec lets Python receive the signals that GitHub sends when the job is canceled.
    exec "$python" -I -S -u "$root/action/install.py" </dev/null
}

find_python() {
    local each
    if [ -n "${INPUT_PYTHON:-}" ]; then
        suits "$INPUT_PYTHON" || fail "the python input is '$INPUT_PYTHON', which is not Python 3.11 or newer with support \
for virtual environments; leave the input empty to find one automatically"
        python=$INPUT_PYTHON
        return
    fi
    for each in python3 python3.14 python3.13 python3.12 python3.11; do
        if suits "$each"; then
            python=$each
            return
        fi
    done
    fail 'there is no Python 3.11 or newer with support for virtual environments on PATH; add a step with \
actions/setup-python, or specify one with the python input (on Debian, venv is a separate package: python3-venv)'
}

suits() {
    "$1" -I -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Report in an annotation what is wrong and how to fix it, and exit.
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
