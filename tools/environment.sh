#!/bin/sh
# Make the Python environment .venv from requirements.lock, unless it is there already.
# A stamp inside .venv names the lock it was made from, so a finished environment needs no network.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "kcourse: $*" >&2; exit 1; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

stamp=.venv/made-from-$(cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
[ -e "$stamp" ] && .venv/bin/python -c '' 2>/dev/null && exit 0

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
# An environment that works is only updated; one that is broken or of another Python is made anew.
if ! fits .venv/bin/python; then
    rm -rf .venv
    "$python" -m venv .venv >.venv-log 2>&1 || {
        rm -rf .venv
        fail "python -m venv failed: $(tail -n 1 .venv-log; rm -f .venv-log). On Debian or Ubuntu install python3-venv."
    }
    rm -f .venv-log
fi
rm -f .venv/made-from-*
.venv/bin/python -m pip install -qq --disable-pip-version-check --compile --no-deps \
    --require-hashes -r requirements.lock ||
    fail "the packages in requirements.lock could not be installed; the lines above say why. Are you online, with 6 GB of free space?"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-index --no-deps \
    --no-build-isolation -e . || fail "the package itself could not be installed; the lines above say why."
touch "$stamp"
