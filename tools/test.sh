#!/bin/bash
# tools/test.sh STAGE... [--beside STAGE...]: run the stages of `make test`, all of them, and sum up: one line per stage with its seconds and
# what passed, failed and skipped, then one line with the sums (pytest's own counts where a stage runs pytest). Stages after --beside run in
# a second lane at the same time: they need no containers, and the others mostly wait for some. Their output is shown when they have ended.
# Proofs sum up as pytest does: a bar counts for one.
set -uo pipefail
logs=.work/log
mkdir -p "$logs"
rm -f "$logs/summary"
started=$SECONDS
count() { # count WORD LOG: the sum of pytest's "N word" in its closing lines
    grep -oE "^(=+ | *msg: )?[0-9]+ (passed|failed|error|skipped)[^=]* in [0-9.]+s.*" "$2" | grep -oE "[0-9]+ $1" | awk '{n += $1} END {print n + 0}'
}
stage() { # stage NAME: run it; its verdict and seconds go to a file beside its log
    local begin=$SECONDS verdict=FAILED
    make --no-print-directory "$1" >"$logs/$1.log" 2>&1 && verdict=passed
    echo "$verdict $((SECONDS - begin))" >"$logs/$1.verdict"
}
lane() { # lane loud|quiet STAGE...: one stage after the other
    local how=$1 one follower
    shift
    for one in "$@"; do
        rm -f "$logs/$one.verdict"
        : >"$logs/$one.log"
        if [ "$how" = loud ]; then
            printf '\n===== %s\n' "$one"
            tail -n +1 -f "$logs/$one.log" &
            follower=$!
            stage "$one"
            sleep 0.3
            kill "$follower"
            wait "$follower" 2>/dev/null
        else
            stage "$one"
        fi
    done
}

loud=() quiet=()
while [ $# -gt 0 ] && [ "$1" != --beside ]; do loud+=("$1") && shift; done
[ $# -eq 0 ] || quiet=("${@:2}")
# Stages between molecule and the browser use molecule's platform, which the browser removes.
case " ${loud[*]} " in *" molecule "*" browser "*) export MOLECULE_KEEP=yes ;; esac
beside=
if [ ${#quiet[@]} -gt 0 ]; then
    # What both lanes need, and what is installed by apt, is there before they part.
    make --no-print-directory test-ready || exit 1
    export TEST_READY=yes
    lane quiet "${quiet[@]}" </dev/null &
    beside=$!
fi
lane loud "${loud[@]}"
[ -z "$beside" ] || wait "$beside"
for one in "${quiet[@]}"; do
    printf '\n===== %s\n' "$one"
    cat "$logs/$one.log"
done

passed=0 failed=0 skipped=0 lines=() verdicts=()
for one in "${loud[@]}" "${quiet[@]}"; do
    read -r verdict seconds <"$logs/$one.verdict" 2>/dev/null || { verdict=FAILED seconds=0; }
    ok=$(count passed "$logs/$one.log") left=$(count skipped "$logs/$one.log")
    bad=$(($(count failed "$logs/$one.log") + $(count error "$logs/$one.log")))
    # A stage counts for one when it isn't pytest's, and when it failed without pytest saying so.
    if [ "$verdict" = passed ]; then
        [ "$ok" -gt 0 ] || ok=1
    elif [ "$bad" = 0 ]; then
        bad=1
    fi
    verdicts+=("$one=$verdict:$seconds")
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
    lines+=("$(printf '%-24s %-6s %4d s   %5d passed %3d failed %3d skipped' "$one" "$verdict" "$seconds" "$ok" "$bad" "$left")")
done
total=$((SECONDS - started))
printf '\n===== summary, %d s in all; logs in %s\n' "$total" "$logs"
printf '%s\n' "${lines[@]}"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
# For `make prove-house PART=tests`.
echo "$total $passed $failed $skipped ${verdicts[*]}" >"$logs/summary"
[ "$failed" = 0 ]
