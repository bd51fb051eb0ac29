#!/usr/bin/env bash
# Runs the tests in four processes side by side, and prints what each says when it has ended: what trains and converts;
# what serves, records and waits; batches, engines and delegates; commands and all else.
#
# usage (in the repository's root): tools/side_by_side.sh PYTHON -m pytest [OPTION...]
set -u
rooms() { printf "tests/edge_srcnn/%s\n" "$@"; }
mapfile -t waiting < <(rooms service sinks sources web)
mapfile -t engines < <(rooms batch delegates engine exchange live)

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
pids=()
"$@" tests/export >"$logs/1" 2>&1 & pids+=($!)
"$@" "${waiting[@]}" >"$logs/2" 2>&1 & pids+=($!)
"$@" "${engines[@]}" >"$logs/3" 2>&1 & pids+=($!)
"$@" tests --ignore=tests/export "${waiting[@]/#/--ignore=}" "${engines[@]/#/--ignore=}"
status=$?
for pid in "${pids[@]}"; do
  wait "$pid" || status=$?
done
cat "$logs"/*
exit "$status"
