#!/bin/bash
# tools/molecule.sh WORK test|browser SCENARIO
# browser: bring molecule's platform up (quick when it is there), test it with Chromium. With MOLECULE_KEEP=yes it stays for the next
# stage; else it is removed, whatever the result.
set -euo pipefail
work=$1 what=$2 scenario=$3
export PATH=$work/venv-test/bin:$PATH
export MOLECULE_EPHEMERAL_DIRECTORY=$work/molecule/$scenario
# molecule makes its own ansible.cfg.
unset ANSIBLE_CONFIG
export ANSIBLE_HOME=$work/ansible
mkdir -p "$MOLECULE_EPHEMERAL_DIRECTORY"
inventory() { ansible-inventory -i "molecule/$scenario/inventory/hosts" --host localhost | python -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

keep=()
[ "${MOLECULE_KEEP:-}" != yes ] || keep=(--destroy never)
case $what in
test)
    molecule test --scenario-name "$scenario" "${keep[@]}"
    ;;
browser)
    trap '[ "${MOLECULE_KEEP:-}" = yes ] || molecule destroy --scenario-name "$scenario"' EXIT
    molecule converge --scenario-name "$scenario"
    name=$(inventory odoo_cloud_name)
    export PLATFORM_NAME=$name PLATFORM_ROOT PLATFORM_SECRETS=$MOLECULE_EPHEMERAL_DIRECTORY/secrets
    export PLATFORM_HOSTNAME=demo.localhost PLATFORM_HTTP_PORT PLATFORM_HTTPS_PORT PLATFORM_SCREENSHOTS=$work/screenshots
    PLATFORM_ROOT=$(inventory odoo_cloud_root)
    PLATFORM_HTTP_PORT=$(inventory odoo_cloud_http_port)
    PLATFORM_HTTPS_PORT=$(inventory odoo_cloud_https_port)
    python -m pytest -q tests/browser
    ;;
esac
