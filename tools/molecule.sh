#!/bin/bash
# tools/molecule.sh WORK test|browser|on SCENARIO [COMMAND...]
# test: molecule's whole sequence; with MOLECULE_KEEP=yes the platform stays for the next stages.
# on: run a command on molecule's platform, which is brought up first if no earlier stage left it there.
# browser: test it with Chromium, and remove it whatever the result.
set -euo pipefail
work=$1 what=$2 scenario=$3
shift 3
export PATH=$work/venv-test/bin:$PATH
export MOLECULE_EPHEMERAL_DIRECTORY=$work/molecule/$scenario
# molecule makes its own ansible.cfg.
unset ANSIBLE_CONFIG
export ANSIBLE_HOME=$work/ansible
mkdir -p "$MOLECULE_EPHEMERAL_DIRECTORY"
inventory() { ansible-inventory -i "molecule/$scenario/inventory/hosts" --host localhost | python -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

# Says that the platform is there and at rest: an earlier stage converged it and left nothing to repair.
rest=$MOLECULE_EPHEMERAL_DIRECTORY/at-rest
up() {
    [ -e "$rest" ] && [ -n "$(docker ps -q --filter "name=^$(inventory odoo_cloud_name)-nginx$")" ] || molecule converge --scenario-name "$scenario"
    rm -f "$rest"
}
gone() { rm -f "$rest" && molecule destroy --scenario-name "$scenario"; }

case $what in
test)
    rm -f "$rest"
    if [ "${MOLECULE_KEEP:-}" = yes ]; then
        # `never` also means the one at the start.
        molecule destroy --scenario-name "$scenario"
        molecule test --scenario-name "$scenario" --destroy never
        touch "$rest"
    else
        molecule test --scenario-name "$scenario"
    fi
    ;;
on)
    [ "${MOLECULE_KEEP:-}" = yes ] || trap gone EXIT
    up
    "$@"
    touch "$rest"
    ;;
browser)
    trap gone EXIT
    up
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
