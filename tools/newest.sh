#!/bin/sh
# tools/newest.sh FOLDER: measure the course with the newest TensorFlow and Keras, into FOLDER.
# They are installed into FOLDER/packages, beside .venv, which stays as it is. Each part leaves a
# result and a log; a part that fails does not keep the next from running. tools/staleness.py reads
# them. Ends with code 1 only if there is nothing to measure with.
set -eu
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:?Name a folder: tools/newest.sh build/newest}")
python=$PWD/.venv/bin/python

rm -rf "$folder"
mkdir -p "$folder"
echo "Installing the newest TensorFlow and Keras ..."
"$python" -m uv pip install --quiet --python "$python" --target "$folder/packages" tensorflow keras

part() {
    name=$1
    shift
    echo "Measuring: $name ..."
    "$@" >"$folder/$name.log" 2>&1 || echo "$name: not all is well; $folder/$name.log says more."
}

PYTHONPATH=$folder/packages
export PYTHONPATH
# Nothing is imported here: if that fails, each part says so.
"$python" -c '
import json, sys
from importlib.metadata import version
found = {"TensorFlow": version("tensorflow"), "Keras": version("keras")}
print(found)
json.dump(found, open(sys.argv[1], "w"))' "$folder/versions.json"

# Every entry of the table of changes: what it says happens, and that its cure works.
part proofs "$python" -m pytest tests/migration/test_table.py -n auto -q -p no:cacheprovider \
    -k "what_the_table_says or the_rewrite" --junitxml "$folder/proofs.xml"

# Our own code, against the names that the newest versions have: a copy of the package knows them.
own_code() {
    cp -r src "$folder/src"
    PYTHONPATH=$folder/src:$PYTHONPATH
    # The old lists would say that all is well.
    "$python" -m kcourse.migration.installed || return
    "$python" -c 'from kcourse.cli import main; main()' audit --format json \
        --output "$folder/audit.json" notebooks src book benchmarks tests/exercises examples \
        README.md CONTRIBUTING.md
}
(part audit own_code)

# Every lesson, as shipped and with its solutions.
part lessons "$python" -c 'from kcourse.cli import main; main()' verify \
    --report "$folder/verification.json"
