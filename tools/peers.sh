#!/bin/sh
# Put other graders, for tests and benchmarks alone, into the folder .peers: beside .venv, so that
# no learner meets them. `PYTHONPATH=.peers .venv/bin/python -m nbgrader` is one of them.
# A stamp names the locks and the Python that the folder was made from.
set -eu
cd "$(dirname "$0")/.."

made_from=$( (cat requirements.lock requirements-peers.lock; .venv/bin/python --version) | cksum)
stamp=.peers/made-from-${made_from%% *}
[ -e "$stamp" ] && exit 0

echo "Installing other graders into .peers (about 170 MB, once) ..."
rm -rf .peers
.venv/bin/python -m pip install -qq --disable-pip-version-check --compile --no-deps \
    --require-hashes --target .peers -r requirements-peers.lock || {
    echo "kcourse: the packages in requirements-peers.lock could not be installed; the lines above say why." >&2
    exit 1
}
touch "$stamp"
