#!/bin/bash
# tools/nginx.sh WORK: what the proxy promises, asked over the wire: the role nginx before upstreams that echo, then tests/nginx. Needs the
# images of the demo, which state-images builds. The proxy has a name, a folder and ports of its own and is removed at the end.
set -euo pipefail
work=$1
bin=$work/venv-test/bin
folder=$work/nginx
image() { docker images -q --no-trunc "${PROVE_IMAGES:-odoo-cloud}/$1" | head -n 1; }
play() {
    "$bin/ansible-playbook" -i localhost, -c local tests/nginx/converge.yml -e "ansible_python_interpreter=$bin/python nginx_test_dir=$folder" \
        -e "nginx_image=$(image nginx) nginx_test_python_image=$(image odoo-19)" "$@" >"$work/nginx.log" 2>&1 ||
        { tail -n 20 "$work/nginx.log"; exit 1; }
}
trap 'play -e nginx_test_state=absent; rm -rf "$folder"' EXIT
rm -rf "$folder"
mkdir -p "$folder"
play
NGINX_TEST_DIR=$folder "$bin/python" -m pytest -q --strict-markers tests/nginx | tee "$work/nginx-tests.log"
# A test that skipped itself has tested nothing.
if grep -qE '[0-9]+ skipped' "$work/nginx-tests.log"; then
    echo "nginx: a test was skipped" >&2
    exit 1
fi
