# Targets make their own environments below .venvs/, from the lock files in requirements/.
PYTHON ?= python3
VENVS := .venvs
RUNTIME := $(VENVS)/runtime
DEV := $(VENVS)/dev
RUNTIME_TEST := $(VENVS)/test
TFLITE := $(VENVS)/tflite
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
DEMO_SOURCE ?= test:
DEMO_SINK ?= http://127.0.0.1:0
DEMO_SECONDS ?= $(shell [ -t 0 ] || echo 5) # nobody is there to end it
RIGS ?= arm64 picamera2 vivid streams systemd tf25
SOURCES := pyproject.toml edge_srcnn/__init__.py

.PHONY: help demo test test-tflite test-pi check format lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

demo: $(RUNTIME)/.made  ## up-scale a test card, then go live on a moving one (DEMO_SOURCE, DEMO_SECONDS); Ctrl-C ends it
	$(RUNTIME)/bin/edge-srcnn demo -o edge-srcnn-demo.png
	$(RUNTIME)/bin/edge-srcnn run --source "$(DEMO_SOURCE)" --sink "$(DEMO_SINK)" $(if $(DEMO_SECONDS),--sink null: --seconds $(DEMO_SECONDS))

test: $(DEV)/.made  ## run all tests, those that train and convert included (TESTS=folder: some)
ifneq ($(TESTS),)
	$(DEV)/bin/python -m pytest $(TESTS)
else # the workstation's side beside the runtime's: one computes, the other one mostly waits
	@log=$$(mktemp); $(DEV)/bin/python -m pytest tests/export >$$log 2>&1 & export=$$!; \
	$(DEV)/bin/python -m pytest tests --ignore=tests/export; status=$$?; \
	wait $$export || status=$$?; cat $$log; rm -f $$log; exit $$status
endif

test-runtime: $(RUNTIME_TEST)/.made  ## run the runtime's tests in an environment without TensorFlow
	$(RUNTIME_TEST)/bin/python -m pytest $(or $(TESTS),tests/edge_srcnn)

test-tflite: $(TFLITE)/.made  ## run the runtime's tests on tflite-runtime (needs CPython 3.11)
	$(TFLITE)/bin/python -m pytest $(or $(TESTS),tests/edge_srcnn)

test-pi:  ## the rigs: emulated Raspberry Pi 3, 4 and 5, libcamera's virtual camera, a V4L2 device with faults, streams, systemd, TensorFlow 2.5 (root, apt; RIGS=some)
	@set -e; for rig in $(RIGS); do echo "--- $$rig"; tests/rigs/$$rig.sh; done

check: $(DEV)/.made  ## format, lint, types, import layers
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

format: $(DEV)/.made  ## let ruff format and mend
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

lock: $(DEV)/.made  ## write the lock files anew
	$(DEV)/bin/python $(PIP_INSTALL) uv
	PATH=$(CURDIR)/$(DEV)/bin:$$PATH requirements/lock.sh

clean:  ## remove environments, caches and results
	rm -rf $(VENVS) .mypy_cache .ruff_cache .pytest_cache edge-srcnn-demo.png exported dist

$(VENVS)/%/.made: requirements/%.txt $(SOURCES)
	$(PYTHON) -m venv --clear $(VENVS)/$*
	$(VENVS)/$*/bin/python $(PIP_INSTALL) --require-hashes -r requirements/$*.txt
	$(VENVS)/$*/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@
