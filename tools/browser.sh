#!/bin/sh
# See to it that Chromium (to look at the book and JupyterLab) and Graphviz (to draw models) are here.
set -eu

missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
    command -v google-chrome >/dev/null || missing="chromium"
command -v dot >/dev/null || missing="$missing graphviz"
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing$(printf ' %s' $missing) with apt-get ..."
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word a package
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
fi
echo "kcourse: missing for the tests:$(printf ' %s' $missing). Install it with your package manager (Debian, Ubuntu: apt-get install $missing), then run make test again." >&2
exit 1
