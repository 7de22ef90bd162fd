#!/bin/bash
# tools/test.sh STAGE...: run the stages of `make test` one after the other, all of them, and sum up: one line per stage with its
# seconds, then one line with what passed and failed (pytest's own counts where a stage runs pytest).
set -uo pipefail
logs=.work/log
mkdir -p "$logs"
lines=() passed=0 failed=0 started=$SECONDS
count() { # count WORD LOG: the sum of pytest's "N word" in its closing lines
    grep -oE "^(=+ )?[0-9]+ (passed|failed|error)[^=]* in [0-9.]+s.*" "$2" | grep -oE "[0-9]+ $1" | awk '{n += $1} END {print n + 0}'
}
for stage in "$@"; do
    printf '\n===== %s\n' "$stage"
    begin=$SECONDS
    # The browser uses molecule's platform and removes it.
    unset MOLECULE_KEEP
    case $stage in molecule) [[ " $* " != *" browser "* ]] || export MOLECULE_KEEP=yes ;; esac
    if make --no-print-directory "$stage" 2>&1 | tee "$logs/$stage.log"; then
        verdict=passed
    else
        verdict=FAILED
    fi
    ok=$(count passed "$logs/$stage.log")
    bad=$(($(count failed "$logs/$stage.log") + $(count error "$logs/$stage.log")))
    # A stage counts for one when it isn't pytest's, and when it failed without pytest saying so.
    if [ "$verdict" = passed ]; then
        [ "$ok" -gt 0 ] || ok=1
    elif [ "$bad" = 0 ]; then
        bad=1
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
    lines+=("$(printf '%-10s %-6s %4d s   %s' "$stage" "$verdict" $((SECONDS - begin)) "$logs/$stage.log")")
done
printf '\n===== %s\n' "summary, $((SECONDS - started)) s in all"
printf '%s\n' "${lines[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
