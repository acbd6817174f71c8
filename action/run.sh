#!/usr/bin/env bash
# Run the program of this action in an environment of its own, which the first step that needs it makes.
#
# Everything is asked of Python in isolated mode, so that PYTHONPATH and the like of the job do not matter; pip reads the
# job's own configuration, so that a private index keeps working. Written for bash 3.2, which is what macOS has.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=
environment=
made=
child=

main() {
    [ "${RUNNER_OS:-}" != Windows ] || fail 'reconciler runs on Linux and macOS runners; choose one with runs-on'
    find_python
    local kept=${RECONCILER_INSTALL_DIR:-${RUNNER_TEMP:-}}
    [ -n "$kept" ] || fail 'RUNNER_TEMP is not set: this script is the action'\''s own and runs in a workflow'
    environment=$kept/reconciler-$("$python" -I "$root/action/key.py" "$root")
    [ -x "$environment/bin/python" ] || make_environment
    # Replaced by the program, this process hands it the signals of a job that is cancelled.
    exec "$environment/bin/python" -I -u -X utf8 -m reconciler.github </dev/null
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

# Build aside and put into place in one step: what is in place is whole, also after a kill and beside another builder.
make_environment() {
    mkdir -p "$(dirname "$environment")"
    trap 'leave' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    made=$(mktemp -d "$environment.XXXXXX")
    printf '::group::Install reconciler for %s\n' "$("$python" -I -c 'import sys; print("Python", sys.version.split()[0])')"
    attend "$python" -I -m venv "$made" || fail "$python could not make a virtual environment; the log above says why"
    pip --require-hashes --requirement "$root/requirements-action.lock" ||
        fail 'the packages that reconciler needs could not be installed; the log above says why'
    pip --no-deps --no-build-isolation "$root" || fail 'reconciler could not be installed; the log above says why'
    printf '::endgroup::\n'
    [ -e "$environment/bin/python" ] || rm -f "$environment" # it points to what is no longer there
    if ln -sn "$(basename "$made")" "$environment" 2>/dev/null; then
        made=
    elif ! [ -x "$environment/bin/python" ]; then # and no other builder was quicker
        fail "the environment cannot be put into place at $environment"
    fi
    leave
    trap - EXIT INT TERM
}

# The job's settings say where packages come from; where they go, and which ones, is said here.
pip() {
    attend env PIP_USER=0 PIP_TARGET= PIP_PREFIX= PIP_ROOT= PIP_PYTHON= PIP_CONSTRAINT= PIP_REQUIRE_HASHES=0 PIP_NO_DEPS=0 \
        "$made/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check "$@"
}

# Bash sits out a foreground command before it heeds a signal; of one in the background it lets go at once. What it runs
# belongs to the install, which has no use for the inputs: some are secrets, and a package's build runs code of its own.
attend() {
    local status=0
    (
        # shellcheck disable=SC2086 # unquoted: quoted, the bash of macOS makes one word of all names
        unset ${!INPUT_@}
        exec "$@"
    ) </dev/null &
    child=$!
    wait "$child" || status=$?
    child=
    return "$status"
}

leave() {
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    [ -z "$made" ] || rm -rf "$made"
}

# Say in an annotation what is wrong and what to do, and end.
fail() {
    local message
    message=${1//[%]/%25}
    message=${message//$'\r'/%0D}
    message=${message//$'\n'/%0A}
    [ -z "$made" ] || printf '::endgroup::\n'
    printf '::error title=reconciler::%s\n' "$message"
    [ -z "${GITHUB_OUTPUT:-}" ] || printf 'exit-code=1\n' >>"$GITHUB_OUTPUT"
    exit 1
}

main
