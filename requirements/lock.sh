#!/usr/bin/env bash
# Writes the lock files anew: every package of the five environments, with hashes. Needs uv.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
  -c requirements/constraints.in "$@"; }
ours() { lock pyproject.toml "$@"; }
ours --universal --extra export --extra stream --extra video --extra mqtt --extra onnx --extra cluster --extra stores --extra examples --extra dev -o requirements/dev.txt
ours --universal --extra stream --extra video --extra mqtt -c requirements/dev.txt -o requirements/runtime.txt
ours --universal --extra stream --extra video --extra mqtt -c requirements/dev.txt -o requirements/test.txt requirements/test.in
ours --python-platform x86_64-manylinux_2_28 --extra tflite -o requirements/tflite.txt requirements/tflite.in
lock --universal -c requirements/dev.txt -o requirements/tools.txt requirements/tools.in
