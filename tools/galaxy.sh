#!/bin/bash
# tools/galaxy.sh WORK [TARBALL]: would Galaxy take the collection in? Asks galaxy-importer, the program that Galaxy itself runs, about the
# built tarball. ansible-lint and ansible-test have stages of their own.
set -euo pipefail
work=$1
folder=$work/galaxy
mkdir -p "$folder"
if [ $# -gt 1 ]; then
    tarball=$(realpath "$2")
else
    rm -rf "$folder/build"
    "$work/venv-galaxy/bin/ansible-galaxy" collection build --force --output-path "$folder/build" . >/dev/null
    tarball=$(echo "$folder"/build/*.tar.gz)
fi
printf '[galaxy-importer]\nRUN_ANSIBLE_TEST = False\nRUN_ANSIBLE_LINT = False\nRUN_FLAKE8 = False\n' >"$folder/importer.cfg"
export GALAXY_IMPORTER_CONFIG=$folder/importer.cfg PATH=$work/venv-galaxy/bin:$PATH
unset ANSIBLE_CONFIG ANSIBLE_COLLECTIONS_PATH
cd "$folder" # it leaves its result where it runs
if python -m galaxy_importer.main "$tarball" >"$folder/importer.log" 2>&1 && ! grep -q '^ERROR' "$folder/importer.log"; then
    echo "galaxy-importer takes the collection: $(basename "$tarball"), $(grep -c '^Loading' "$folder/importer.log") parts loaded"
else
    grep -E '^(ERROR|WARNING)|Error' "$folder/importer.log" || tail -20 "$folder/importer.log"
    echo "galaxy-importer's whole output: $folder/importer.log"
    exit 1
fi
