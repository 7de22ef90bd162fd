#!/bin/bash
# tools/lock.sh WORK [OPTION...]: write requirements/*.txt anew from requirements/*.in, with the hashes of all files that the package
# index has of each version: so one lock holds for every processor and Python. Versions that are locked stay; OPTION goes to
# `uv pip compile`: --upgrade for the newest of all, --upgrade-package NAME for one.
set -euo pipefail
work=$1
shift
uv=$work/venv-lock/bin/uv
# Only the index that pip is configured for. Its other sources (extra-index-url, find-links) may have files of their own, whose hashes
# nobody else would find.
eval "$("$work/venv-lock/bin/python" tools/pip_config.py --uv)"
# What runtime.txt has, test.txt takes over, so it comes first.
for name in runtime $(cd requirements && ls -- *.in | sed 's/\.in$//' | grep -vx runtime); do
    python=3.11
    [ "$name" = core221 ] && python=3.12
    (cd requirements && "$uv" pip compile --quiet --no-config --universal --generate-hashes --only-binary :all: --python-version "$python" \
        --custom-compile-command 'make requirements' --no-emit-index-url --no-emit-find-links -o "$name.txt" "$@" "$name.in")
    echo "requirements/$name.txt: $(grep -cE '^[A-Za-z0-9]' "requirements/$name.txt") packages"
done
