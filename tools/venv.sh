#!/bin/bash
# tools/venv.sh FOLDER REQUIREMENTS: make the virtual environment FOLDER with exactly these packages, or do nothing. A file whose hash isn't
# in REQUIREMENTS is refused, and so is a package that would have to be built: building runs code that no hash covers.
set -euo pipefail
folder=$1 requirements=$2

find_python() {
    local name
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "Python 3.11, 3.12 or 3.13 is needed and none was found on PATH; name one with: make PYTHON=/path/to/python3.11" >&2
    return 1
}

# Two makes at once make it one after the other.
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9

wanted=$(sha256sum <"$requirements" | cut -c1-16)-$(cd "$(dirname "$folder")" && pwd)
if [ "$(cat "$folder/.made-of" 2>/dev/null)" = "$wanted" ] && "$folder/bin/python" -c '' 2>/dev/null; then
    touch "$folder/.made-of"
    exit 0
fi
python=$(find_python)
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps ensurepip in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        "$(dirname "$0")/apt.sh" "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    else
        echo "$python has no ensurepip: install the package python3-venv" >&2
        exit 1
    fi
fi
echo "Making $folder with $("$python" --version) from $requirements" >&2
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes --only-binary :all: -r "$requirements"
echo "$wanted" >"$folder/.made-of"
