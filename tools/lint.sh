#!/bin/bash
# All linters, each whatever the others said; fails when one did.
set -uo pipefail
work=$1
export PATH=$work/venv-test/bin:$PATH
failed=()
run() { # run NAME COMMAND...
    local name=$1 begin=$SECONDS
    shift
    if "$@"; then
        printf 'lint: %-18s passed %3d s\n' "$name" $((SECONDS - begin))
    else
        printf 'lint: %-18s FAILED %3d s\n' "$name" $((SECONDS - begin))
        failed+=("$name")
    fi
}
documentation() (cd "$work/collections/ansible_collections/odoo_cloud/platform" &&
    antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .)
# Which package may import which: the contracts are in pyproject.toml.
imports() { PYTHONPATH="$work/collections" lint-imports --no-cache >"$work/imports.log" || { grep -v '[║╔╚╝╗]' "$work/imports.log"; return 1; }; }

run "ruff check" ruff check --no-cache --quiet --output-format concise .
run "ruff format" ruff format --no-cache --check --quiet --output-format concise .
run imports imports
run yamllint yamllint --strict .
run changelog antsibull-changelog lint
run ansible-lint ansible-lint --offline --profile production -q
run documentation documentation
if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
fi
