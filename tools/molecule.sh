#!/bin/bash
# tools/molecule.sh WORK test|browser SCENARIO
# test: molecule's whole sequence; with MOLECULE_KEEP=yes the platform stays for the next stage.
# browser: bring molecule's platform up (quick when it is there), test it with Chromium, remove it whatever the result.
set -euo pipefail
work=$1 what=$2 scenario=$3
export PATH=$work/venv-test/bin:$PATH
export MOLECULE_EPHEMERAL_DIRECTORY=$work/molecule/$scenario
# molecule makes its own ansible.cfg.
unset ANSIBLE_CONFIG
export ANSIBLE_HOME=$work/ansible
mkdir -p "$MOLECULE_EPHEMERAL_DIRECTORY"
inventory() { ansible-inventory -i "molecule/$scenario/inventory/hosts" --host localhost | python -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

case $what in
test)
    if [ "${MOLECULE_KEEP:-}" = yes ]; then
        # `never` also means the one at the start.
        molecule destroy --scenario-name "$scenario"
        molecule test --scenario-name "$scenario" --destroy never
    else
        molecule test --scenario-name "$scenario"
    fi
    ;;
browser)
    trap 'molecule destroy --scenario-name "$scenario"' EXIT
    molecule converge --scenario-name "$scenario"
    secrets=$MOLECULE_EPHEMERAL_DIRECTORY/secrets
    DEMO_URL=https://demo.localhost:$(inventory odoo_cloud_https_port)
    DEMO_REPLICAS=$(inventory odoo_cloud_name)-demo-1,$(inventory odoo_cloud_name)-demo-2
    export DEMO_URL DEMO_REPLICAS DEMO_CA=$secrets/tls/ca.crt DEMO_PASSWORD_FILE=$secrets/demo/admin_password SCREENSHOT_DIR=$work/screenshots
    python tests/browser/still_network.py "$(inventory odoo_cloud_https_port)" -- python -m pytest -q --strict-markers tests/browser | tee "$work/browser.log"
    # A test that skipped itself has tested nothing.
    if grep -qE '[0-9]+ skipped' "$work/browser.log"; then
        echo "browser: a test was skipped" >&2
        exit 1
    fi
    ;;
esac
