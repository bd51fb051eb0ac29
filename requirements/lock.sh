#!/usr/bin/env bash
# Writes the lock files anew: every package of the four environments, with hashes. Needs uv.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  --no-annotate --quiet -c requirements/constraints.in "$@"; }
lock --universal --extra export --extra stream --extra video --extra dev -o requirements/dev.txt
lock --universal --extra stream -c requirements/dev.txt -o requirements/runtime.txt
lock --universal --extra stream --extra video -c requirements/dev.txt -o requirements/test.txt requirements/test.in
lock --python-platform x86_64-manylinux_2_28 --extra tflite -o requirements/tflite.txt requirements/tflite.in
