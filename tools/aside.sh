#!/bin/sh
# tools/aside.sh NAME: put the packages of requirements-NAME.lock, which only tests and benchmarks
# need, into the folder .NAME: beside .venv, so that no learner meets them.
# `PYTHONPATH=$PWD/.peers .venv/bin/python -m nbgrader` is one of them.
# A stamp names the locks and the Python that the folder was made from.
set -eu
cd "$(dirname "$0")/.."

lock=requirements-$1.lock
folder=.$1
made_from=$( (cat requirements.lock "$lock"; .venv/bin/python --version) | cksum)
stamp=$folder/made-from-${made_from%% *}
[ -e "$stamp" ] && exit 0

echo "Installing what only tests need into $folder (some 100 MB, once) ..."
rm -rf "$folder"
.venv/bin/python -m pip install -qq --disable-pip-version-check --compile --no-deps \
    --require-hashes --no-build-isolation --target "$folder" -r "$lock" || {
    echo "kcourse: the packages in $lock could not be installed; the lines above say why." >&2
    exit 1
}
touch "$stamp"
