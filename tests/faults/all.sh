#!/usr/bin/env bash
# Every fault at full length, and the report. What fails is named at the end; what comes after it runs nevertheless.
set -uo pipefail
cd "$(dirname "$0")/../.."
compiled=(env PYTHONPATH=build/compiled .venv/bin/pytest --dist worksteal)
alone=(tests/faults/test_many_agents.py tests/integration/test_{kit_outage,alert_storm,bridge_many}.py)
failed=()

part() {
  printf '\n== %s (%d s)\n' "$1" "$SECONDS"
  "${@:2}"
  case $? in 0 | 5) ;; *) failed+=("$1") ;; esac # 5: ARGS selected none of these
}

rm -f build/faults.jsonl
part "bounds of time, alone" "${compiled[@]}" -m slow "${alone[@]}" "$@"
"${compiled[@]}" -n 2 -m slow --ignore tests/faults "${alone[@]/#/--ignore=}" tests "$@" >build/outages.log 2>&1 & # mostly waiting
outages=$!
trap 'kill $outages 2>/dev/null' EXIT
part "faults under load, by seed" "${compiled[@]}" -n "$PROCESSES" -m slow tests/faults/test_rows.py tests/faults/test_people.py "$@"
part "rules broken on purpose" .venv/bin/pytest -n "$PROCESSES" tests/faults/test_mutations.py "$@"
part "as in CI" env FLEAWATCH_TEST_FAULT_SEEDS=1,2,3 "${compiled[@]}" -n "$PROCESSES" -m "not slow" tests/faults "$@"
part "kills of every job" env FLEAWATCH_TEST_KILLS=10 FLEAWATCH_TEST_SEEDS=1,2,3 "${compiled[@]}" -n "$PROCESSES" \
  tests/integration/test_crash_monitor.py tests/integration/engine/test_crash.py "$@"
part "long outages" wait $outages
cat build/outages.log
part "the report" env PYTHONPATH=tests:docs .venv/bin/python -m faults.report docs/reliability.md

printf '\n%d s; failed: %s\n' "$SECONDS" "$([ ${#failed[@]} = 0 ] && echo none || printf '%s; ' "${failed[@]}")"
[ ${#failed[@]} = 0 ]
