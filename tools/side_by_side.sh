#!/usr/bin/env bash
# Runs the tests in seven processes side by side, and prints what each says when it has ended: what trains; what converts
# and measures; the service, what it reads and writes; pages, and threads, which both wait; batches, engines and
# delegates; all else.
#
# usage (in the repository's root): tools/side_by_side.sh PYTHON -m pytest [OPTION...]
set -u
rooms() { printf "tests/edge_srcnn/%s\n" "$@"; }
mapfile -t serving < <(rooms service sinks sources)
mapfile -t pages < <(rooms web)
mapfile -t waiting < <(rooms live system python)
mapfile -t engines < <(rooms batch delegates engine exchange)

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
pids=()
"$@" tests/export/training >"$logs/1" 2>&1 & pids+=($!)
"$@" tests/export --ignore=tests/export/training >"$logs/5" 2>&1 & pids+=($!)
"$@" "${serving[@]}" >"$logs/2" 2>&1 & pids+=($!)
"$@" "${pages[@]}" >"$logs/3" 2>&1 & pids+=($!)
"$@" "${waiting[@]}" >"$logs/6" 2>&1 & pids+=($!)
"$@" "${engines[@]}" >"$logs/4" 2>&1 & pids+=($!)
elsewhere=(tests/export "${serving[@]}" "${pages[@]}" "${waiting[@]}" "${engines[@]}")
"$@" tests "${elsewhere[@]/#/--ignore=}"
status=$?
for pid in "${pids[@]}"; do
  wait "$pid" || status=$?
done
cat "$logs"/*
exit "$status"
