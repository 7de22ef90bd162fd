# Runs in a throw-away container of an image and prints, as base64 of a tar archive, what a bill of materials is made of: dpkg's records and
# copyright files, and the metadata of Python packages that dpkg does not know. Where a package came from (direct_url.json) stays out, since
# an address may have a password in it.
set -eu
cd /
{
    for file in var/lib/dpkg/status var/lib/dpkg/arch etc/os-release usr/lib/os-release; do
        if [ -f "$file" ]; then echo "$file"; fi
    done
    if [ -d usr/share/doc ]; then find -L usr/share/doc -maxdepth 2 -name copyright -type f 2>/dev/null || true; fi
    { cat var/lib/dpkg/info/*.list 2>/dev/null || true; } | sed 's#^/##' | sort -u >/tmp/of-dpkg
    find . -xdev \( -name '*.dist-info' -o -name '*.egg-info' \) 2>/dev/null | sed 's#^\./##' | { grep -vxFf /tmp/of-dpkg || true; } | while read -r one; do
        for file in "$one" "$one/METADATA" "$one/PKG-INFO"; do
            if [ -f "$file" ]; then echo "$file"; fi
        done
    done
} | tar --create --dereference --gzip --file - --files-from - 2>/dev/null | base64
