# Targets make their own environments below .venvs/, from the lock files in requirements/.
PYTHON ?= python3
VENVS := .venvs
RUNTIME := $(VENVS)/runtime
DEV := $(VENVS)/dev
RUNTIME_TEST := $(VENVS)/test
TOOLS := $(VENVS)/tools
TFLITE := $(VENVS)/tflite
# What is imported is compiled then; TensorFlow alone has thousands of modules that nothing imports.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
DEB_PYTHONS ?= 3.11 3.13
DEB ?= amd64 arm64
DEMO_SOURCE ?= test:
DEMO_SINK ?= http://127.0.0.1:0
DEMO_SECONDS ?= $(shell [ -t 0 ] || echo 5) # nobody is there to end it
RIGS ?= arm64 picamera2 vivid streams systemd tf25 pictures proxies debian container home_assistant octoprint
# Where the environment forbids bytecode, each of the tests' thousands of processes would compile all it imports.
export PYTHONDONTWRITEBYTECODE :=
SOURCES := pyproject.toml edge_srcnn/__init__.py

.PHONY: help demo quick test test-runtime test-tflite test-pi coverage check format lines docs pictures lock deb release clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

demo: $(RUNTIME)/.made  ## upscale a test card, then go live on a moving one (DEMO_SOURCE, DEMO_SECONDS); Ctrl-C ends it
	$(RUNTIME)/bin/edge-srcnn demo -o edge-srcnn-demo.png
	$(RUNTIME)/bin/edge-srcnn run --source "$(DEMO_SOURCE)" --sink "$(DEMO_SINK)" $(if $(DEMO_SECONDS),--sink null: --seconds $(DEMO_SECONDS))

SIDE_BY_SIDE := tools/side_by_side.sh $(DEV)/bin/

quick: $(DEV)/.made  ## run the fast tests of every room: about a minute
	$(SIDE_BY_SIDE)python -m pytest -q -m "not slow"

test: $(DEV)/.made  ## run all tests, those that train and convert included (TESTS=folder: some)
ifneq ($(TESTS),)
	$(DEV)/bin/python -m pytest $(TESTS)
else
	$(SIDE_BY_SIDE)python -m pytest
endif

test-runtime: $(RUNTIME_TEST)/.made  ## run the runtime's tests in an environment without TensorFlow (PYTEST='-m "not slow"': the fast ones)
	$(RUNTIME_TEST)/bin/python -m pytest $(PYTEST) $(or $(TESTS),tests/edge_srcnn)

test-tflite: $(TFLITE)/.made  ## run the runtime's tests on tflite-runtime (needs CPython 3.11)
	$(TFLITE)/bin/python -m pytest $(PYTEST) $(or $(TESTS),tests/edge_srcnn)

test-pi:  ## the rigs: emulated Raspberry Pi 3, 4 and 5, libcamera's virtual camera, a V4L2 device with faults, streams, systemd, TensorFlow 2.5, pictures beside libvips, reverse proxies, Debian package, container, Home Assistant, OctoPrint (root, apt; RIGS=some)
	@set -e; for rig in $(RIGS); do echo "--- $$rig"; tests/rigs/$$rig.sh; done

coverage: $(DEV)/.made  ## run all tests, and show the lines and branches that none reaches
	$(DEV)/bin/coverage erase
	$(SIDE_BY_SIDE)coverage run -m pytest
	$(DEV)/bin/coverage combine --quiet
	$(DEV)/bin/coverage report
	@$(DEV)/bin/coverage json --quiet -o - | $(DEV)/bin/python tools/coverage_figures.py

check: $(DEV)/.made  ## format, lint, docstrings, types, import layers
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/pydoclint --quiet edge_srcnn export
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

format: $(DEV)/.made  ## let ruff format and mend
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

lines:  ## count the code: by room, by file, by layer of the import contract
	@$(PYTHON) tools/lines.py

docs: $(TOOLS)/.made  ## build the site into site/; a warning or a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(TOOLS)/bin/mkdocs build --strict --quiet

pictures: $(DEV)/.made  ## make the pictures of README and docs anew (needs chromium)
	$(DEV)/bin/python tools/architecture.py
	$(DEV)/bin/python tools/pictures.py
	$(DEV)/bin/python tools/temporal_pictures.py

lock: $(DEV)/.made  ## write the lock files anew
	$(DEV)/bin/python $(PIP_INSTALL) uv
	PATH=$(CURDIR)/$(DEV)/bin:$$PATH requirements/lock.sh

deb: $(RUNTIME)/.made  ## build the Debian packages for amd64 and arm64 into dist/ (CPython 3.11 and 3.13; DEB_PYTHONS=3.11: for Debian 12 alone)
	$(RUNTIME)/bin/python packaging/debian/build.py --pythons "$(DEB_PYTHONS)" $(DEB)

release: $(TOOLS)/.made  ## build and check what is released, and tag it (RELEASING.md); nothing is uploaded
	tools/release.sh $(TOOLS)/bin/python

clean:  ## remove environments, caches and results
	rm -rf $(VENVS) .mypy_cache .ruff_cache .pytest_cache .coverage* edge-srcnn-demo.png exported dist site

$(TOOLS)/.made: requirements/tools.txt
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/tools.txt
	@touch $@

$(VENVS)/%/.made: requirements/%.txt $(SOURCES)
	$(PYTHON) -m venv --clear $(VENVS)/$*
	$(VENVS)/$*/bin/python $(PIP_INSTALL) --require-hashes -r requirements/$*.txt
	$(VENVS)/$*/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@
