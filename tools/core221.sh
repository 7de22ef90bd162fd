#!/bin/bash
# What touches Ansible with the newest ansible-core: unit tests of modules, lookups, filters and of what Ansible renders, the syntax
# of playbooks, and check mode. In a Debian container without a container engine: what an empty machine is. Needs a container engine
# here, for the container itself.
set -euo pipefail
work=$1
name=odoo-cloud-test-core221
inputs=$(cat requirements/core221.txt | sha256sum | cut -c1-16)
image=$name:$inputs
# No network: what listens on this machine, such as the demo, is not on the empty one.
run() { docker run --rm --network none --label odoo_cloud.test=core221 "$@"; }

if ! docker image inspect "$image" >/dev/null 2>&1; then
    base=${CORE221_BASE:-$name-base:trixie}
    if ! docker image inspect "$base" >/dev/null 2>&1; then
        tools/apt.sh mmdebstrap
        echo "Making $base" >&2
        mmdebstrap --quiet --variant=minbase --include=ca-certificates trixie - | docker import - "$base" >/dev/null
    fi
    echo "Making $image" >&2
    # The user's pip fetches, whatever its sources are; the container only installs.
    rm -rf "$work/core221"
    "$work/venv-test/bin/python" -m pip download --quiet --disable-pip-version-check --dest "$work/core221" --only-binary :all: --require-hashes \
        --implementation cp --python-version 3.13 --abi cp313 --abi abi3 --abi none \
        --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_17_$(uname -m)" --platform "manylinux2014_$(uname -m)" \
        --platform "manylinux_2_34_$(uname -m)" --platform any -r requirements/core221.txt
    docker rm -f "$name-build" >/dev/null 2>&1 || true
    docker run --name "$name-build" --network host --label odoo_cloud.test=core221 \
        --volume "$work/core221:/wheels:ro" --volume "$PWD/requirements:/requirements:ro" "$base" bash -euc '
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq install --no-install-recommends -y python3-venv git openssl >/dev/null
        rm -rf /var/lib/apt/lists/*
        python3 -m venv /venv
        /venv/bin/pip install --quiet --no-compile --no-index --find-links /wheels --require-hashes -r /requirements/core221.txt'
    docker commit "$name-build" "$image" >/dev/null
    docker rm "$name-build" >/dev/null
    rm -rf "$work/core221"
    # Older ones are of no use to anybody.
    docker images --format '{{.Repository}}:{{.Tag}}' "$name" | grep -vxF "$image" | xargs -r docker rmi >/dev/null || true
fi

run --volume "$PWD:/src:ro" --env LC_ALL=C.UTF-8 --env PYTHONDONTWRITEBYTECODE=1 --env ANSIBLE_NOCOLOR=1 --env HOME=/root \
    --env ANSIBLE_INJECT_FACT_VARS=false --env ANSIBLE_COLLECTIONS_PATH=/tree --env PATH=/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env ODOO_VERSION="${ODOO_VERSION:-}" "$image" bash -euo pipefail -c '
    mkdir -p /tree/ansible_collections/odoo_cloud /run/lock
    ln -s /src /tree/ansible_collections/odoo_cloud/platform
    cd /tree/ansible_collections/odoo_cloud/platform
    ansible --version | head -1
    failed=()
    echo "--- unit tests of what touches Ansible"
    PYTHONPATH=/tree python -m pytest -q -n 2 -m ansible --ignore tests/unit/addons || failed+=("unit tests")
    echo "--- syntax check of every playbook"
    # One process: many playbooks, one start.
    ansible-playbook -i inventories/local --syntax-check playbooks/*.yml || failed+=("syntax check")
    echo "--- site.yml --check --diff on an empty machine"
    { ansible-playbook -i inventories/local playbooks/site.yml --check --diff | tee /tmp/check.log &&
        grep -qE "^localhost .*failed=0" /tmp/check.log; } || failed+=("check mode")
    for name in odoo-cloud-{postgres,redis-demo,swift,nginx,demo-1,demo-2} "Instance demo, InstallOnly: "; do
        grep -qF -e "$name" /tmp/check.log || failed+=("check mode names no $name")
    done
    for path in /srv/odoo-cloud /root/.odoo-cloud; do
        [ ! -e "$path" ] || failed+=("check mode wrote $path")
    done
    [ ${#failed[@]} = 0 ] || { printf "core221: failed: %s\n" "${failed[@]}" >&2; exit 1; }'
