#!/bin/sh
# Make the Python environment .venv from requirements.lock, unless it is there already.
# A stamp inside .venv names the lock it was made from, so a finished environment needs no network.
# The stamp names the folder, too: a copy of a checkout would run the package of the first one.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "kcourse: $*" >&2; exit 1; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
version() { "$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null; }
# Whether .venv works, was made in this folder, and is of the Python that was asked for, if any was.
ours() {
    fits .venv/bin/python && grep -qsF -- "-m venv $(pwd -P)/.venv" .venv/pyvenv.cfg &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]; }
}

stamp=.venv/made-from-$( (pwd -P; cat requirements.lock pyproject.toml) | cksum | cut -d' ' -f1)
[ -e "$stamp" ] && ours && exit 0

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if fits "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    found="no ${PYTHON:-python3}"
    command -v "${PYTHON:-python3}" >/dev/null && found=$("${PYTHON:-python3}" --version 2>&1 | tail -n 1)
    fail "Python 3.11, 3.12 or 3.13 is needed, found $found. Install one, or name it: make learn PYTHON=/path/to/python3.12"
fi

echo "Making the environment .venv with $("$python" --version) (about 4 GB; some minutes, once) ..."
# An environment that works is only updated; one that is broken, of another folder or of another
# Python is made anew.
if ! ours; then
    rm -rf .venv
    "$python" -m venv .venv >.venv-log 2>&1 || {
        rm -rf .venv
        fail "python -m venv failed: $(tail -n 1 .venv-log; rm -f .venv-log). On Debian or Ubuntu install python3-venv."
    }
    rm -f .venv-log
fi
rm -f .venv/made-from-*
# Two packages come as sources. They are built by what the lock has, for pip would fetch any version.
install() {
    .venv/bin/python -m pip install -qq --disable-pip-version-check --compile --no-deps \
        --require-hashes --no-build-isolation -r "$1" ||
        fail "the packages in requirements.lock could not be installed; the lines above say why. Are you online, with 6 GB of free space?"
}
awk '/^[^ ]/ {wanted = /^(setuptools|wheel)==/} wanted' requirements.lock >.venv/build.lock
install .venv/build.lock
install requirements.lock
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-index --no-deps \
    --no-build-isolation -e . || fail "the package itself could not be installed; the lines above say why."
touch "$stamp"
