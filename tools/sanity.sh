#!/bin/bash
# ansible-test sanity on the collection as users get it: built, and unpacked into a real folder (ansible-test refuses links).
set -euo pipefail
work=$1
bin=$work/venv-test/bin
home=$work/sanity/home
tree=$work/sanity/ansible_collections
target=$tree/odoo_cloud/platform

rm -rf "$work/build"
"$bin/ansible-galaxy" collection build --force --output-path "$work/build" . >/dev/null
mkdir -p "$target/tests/output" "$home/.ansible/test/cache" "$home/.config/pip"
# All but ansible-test's own environment is new each time.
find "$target" "$target/tests" -mindepth 1 -maxdepth 1 ! -name tests ! -name output -exec rm -rf {} +
tar -xzf "$work"/build/odoo_cloud-platform-*.tar.gz -C "$target"
cp -r tests/config.yml tests/sanity "$target/tests/"
# ansible-test asks git for its list of files, so that it doesn't lint its own output.
printf '/tests/output/\n' >"$target/.gitignore"
git -C "$target" init -q
git -C "$target" add -A

# ansible-test downloads an installer of pip; Python brings one along.
for name in get_pip_24_2.py get_pip_25_1.py; do
    printf 'import ensurepip\n\nensurepip.bootstrap(default_pip=True)\n' >"$home/.ansible/test/cache/$name"
done
# It also hides the environment from pip: give it the same settings as a file.
"$bin/python" tools/pip_config.py "$home/.config/pip/pip.conf" >/dev/null

version=$("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cd "$target"
export HOME=$home PATH=$bin:$PATH ANSIBLE_COLLECTIONS_PATH=$work/sanity
unset XDG_CONFIG_HOME
log=$work/sanity/ansible-test.log
if "$bin/ansible-test" sanity --venv --python "$version" --color no >"$log" 2>&1; then
    echo "$(grep -c '^Running sanity test' "$log") sanity tests of ansible-test hold on the built collection"
else
    grep -E '^(ERROR|FATAL: The|See )|Traceback|Error:' "$log" || tail -30 "$log"
    echo "ansible-test's whole output: $log"
    exit 1
fi
