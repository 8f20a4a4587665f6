.DEFAULT_GOAL := help
.PHONY: help setup run plots draw demo test test-all coverage lint lock docs page bench verify prune packages

VENV := .venv
MADE := $(wildcard $(VENV)/python-3.*)
BIN := $(VENV)/bin
# The environment's own Python, once it has one. Before: the first of these with a supported version.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3 python3.11 python3.12 python3.13
FOUND = $(shell for name in $(CANDIDATES); do $$name -c '$(SUPPORTED)' 2>/dev/null && echo $$name && break; done)
PYTHON ?= $(if $(MADE),$(BIN)/python3,$(or $(FOUND),python3))
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# PyTorch's build: auto, cpu or cuda. The environment's own choice, once it has one.
TORCH ?= $(or $(patsubst $(VENV)/torch-%,%,$(wildcard $(VENV)/torch-*)),auto)
# What installs the packages: auto, uv or pip.
INSTALLER ?= auto
INSTALL := TORCH=$(TORCH) INSTALLER=$(INSTALLER) $(BIN)/python requirements/install.py
# For the programs that the recipes' programs start. The recipes name theirs: make 3.81 does not look
# along this path.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC prints the rows of `metrics diff` in the order of their hashes: this order is the same every time.
export PYTHONHASHSEED := 0
# How many stages `make run` runs at a time.
JOBS ?= 1

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

setup: $(VENV)/test-installed $(VENV)/digits-installed  ## create the environment with everything that running and testing need

# An environment of another Python than the one that is asked for is made again.
$(VENV)/python-$(VERSION):
	@case "$(VERSION)" in 3.11|3.12|3.13) ;; *) echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; install one, or name it: make PYTHON=python3.11" >&2; exit 1;; esac
	@$(if $(MADE),echo "rebuilding $(VENV) with Python $(VERSION)")
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null || { echo "error: $(PYTHON) cannot make $(VENV); install its venv package (on Debian and Ubuntu: apt install python$(VERSION)-venv)" >&2; exit 1; }
	@touch $@

# Another build of PyTorch replaces the one that is installed: both have the version of the lock.
$(VENV)/torch-$(TORCH): | $(VENV)/python-$(VERSION)
	@$(if $(wildcard $(VENV)/torch-*),$(BIN)/python -m pip uninstall -qq -y torch torchvision)
	@rm -f $(VENV)/torch-* $(VENV)/run-installed
	@touch $@

$(VENV)/run-installed: requirements/run.txt $(VENV)/python-$(VERSION) $(VENV)/torch-$(TORCH)
	@$(INSTALL) $<
	@touch $@

$(VENV)/use-installed: requirements/use.txt $(VENV)/run-installed
	@$(INSTALL) $<
	@touch $@

$(VENV)/test-installed: requirements/test.txt $(VENV)/run-installed
	@$(INSTALL) $<
	@touch $@

# `digits` itself, in this folder. The locked hatchling builds it: nothing is downloaded.
$(VENV)/digits-installed: pyproject.toml $(VENV)/run-installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

packages: $(VENV)/test-installed

run: $(VENV)/use-installed $(VENV)/digits-installed  ## run the whole pipeline, as far as it is not up to date; JOBS=2: two stages at a time
	$(BIN)/digits run --jobs $(JOBS)

draw: $(VENV)/use-installed $(VENV)/digits-installed  ## serve a page to draw a digit on, which every trained model classifies
	$(BIN)/digits draw

demo: draw

plots: $(VENV)/run-installed  ## write the page of plots, dvc_plots/index.html
	$(BIN)/dvc plots show

test: setup  ## run the fast tests: no browser, no server, no killed stage
	$(BIN)/pytest -n 2

test-all: setup  ## run the other tests: a browser, servers, stages killed at random moments (about 20 minutes)
	$(BIN)/pytest -m slow

coverage: setup  ## measure which lines of digits/ all tests together run, subprocesses included
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "slow or not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: setup  ## check style, types, imports, spelling, the Dockerfile and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy digits stages benchmarks tools tests/support examples requirements/install.py
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --offline --no-progress --quiet .github

# PyTorch's CUDA packages are left out. Each part starts from the pins of the whole: all agree.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --excludes requirements/cuda.in pyproject.toml
UPGRADE ?=
define lock_part
	cp requirements/test.txt requirements/.$(1).partial
	$(COMPILE) $(2) --output-file requirements/.$(1).partial
	mv requirements/.$(1).partial requirements/$(1).txt
endef
lock: setup  ## add to the locks what pyproject.toml asks for; UPGRADE=--upgrade renews every pin
	$(COMPILE) $(UPGRADE) --all-extras --group build --group test --group lint --group docs --output-file requirements/test.txt
	$(call lock_part,run,--group build --extra pipeline --extra torch --extra tf)
	$(call lock_part,use,--extra predict --extra draw --extra export --extra tune)
	$(call lock_part,remote,--extra remote)

docs: setup  ## write the measured numbers into README.md and docs/, and params.schema.json
	$(BIN)/python -m tools.measured_docs
	$(BIN)/digits check --schema >.params.schema.json.partial
	mv .params.schema.json.partial params.schema.json

page: setup  ## write the page that DVC puts its plots into, after an edit of its source or another version of its library
	$(BIN)/python -m tools.plots_page

bench: setup  ## time the whole pipeline from an empty cache, and race the engine against the frameworks
	$(BIN)/python -m benchmarks.pipeline
	$(BIN)/python -m benchmarks.engine

verify: $(VENV)/run-installed $(VENV)/digits-installed  ## run what is committed again, from nothing, in a temporary clone, and compare every byte
	$(BIN)/digits verify

prune: $(VENV)/run-installed $(VENV)/digits-installed  ## remove the files of runs that params.yaml no longer has
	$(BIN)/digits prune
