.DEFAULT_GOAL := help
.PHONY: help setup run plots draw demo test test-all coverage lint lock docs page bench verify prune packages

VENV := .venv
MADE := $(wildcard $(VENV)/python-3.*)
# The environment's own Python, once there is one: another one is taken only if it is asked for.
PYTHON ?= $(if $(MADE),$(VENV)/bin/python3,python3)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# DVC prints the rows of `metrics diff` in the order of their hashes: this order is the same every time.
export PYTHONHASHSEED := 0
# How many stages `make run` runs at a time.
JOBS ?= 1

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

setup: $(VENV)/test-installed $(VENV)/digits-installed  ## create the environment with everything that running and testing need

# An environment of another Python than the one that is asked for is made again.
$(VENV)/python-$(VERSION):
	@case "$(VERSION)" in 3.11|3.12|3.13) ;; *) echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.11" >&2; exit 1;; esac
	@$(if $(MADE),echo "rebuilding $(VENV) with Python $(VERSION)")
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/run-installed: requirements/run.txt $(VENV)/python-$(VERSION)
	$(PIP) -r $<
	@touch $@

$(VENV)/use-installed: requirements/use.txt $(VENV)/run-installed
	$(PIP) -r $<
	@touch $@

$(VENV)/test-installed: requirements/test.txt $(VENV)/run-installed
	$(PIP) -r $<
	@touch $@

# `digits` itself, in this folder. The locked hatchling builds it: nothing is downloaded.
$(VENV)/digits-installed: pyproject.toml $(VENV)/run-installed
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

packages: $(VENV)/test-installed

run: $(VENV)/run-installed $(VENV)/digits-installed  ## run the whole pipeline, as far as it is not up to date; JOBS=2: two stages at a time
	digits run --jobs $(JOBS)

draw: $(VENV)/use-installed $(VENV)/digits-installed  ## serve a page to draw a digit on, which every trained model classifies
	digits draw

demo: draw

plots: $(VENV)/run-installed  ## write the page of plots, dvc_plots/index.html
	dvc plots show

test: setup  ## run the fast tests: no browser, no server, no killed stage
	pytest -n 2

test-all: setup  ## run the other tests: a browser, servers, stages killed at random moments (about 20 minutes)
	pytest -m slow

coverage: setup  ## measure which lines of digits/ all tests together run, subprocesses included
	coverage erase
	coverage run -m pytest -m "slow or not slow"
	coverage combine --quiet
	coverage report

lint: setup  ## check style, types, imports, spelling, the Dockerfile and the workflow
	ruff check .
	ruff format --check .
	mypy digits stages benchmarks tools tests/support examples
	lint-imports
	codespell
	hadolint Dockerfile
	zizmor --offline --no-progress --quiet .github

# PyTorch's CUDA packages are left out. Each part starts from the pins of the whole: all agree.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --no-header --excludes requirements/cuda.in pyproject.toml
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

docs: setup  ## write the measured numbers into README.md and docs/
	python -m tools.measured_docs

page: setup  ## write the page that DVC puts its plots into, after an edit of its source or another version of its library
	python -m tools.plots_page

bench: setup  ## time the whole pipeline from an empty cache, and race the engine against the frameworks
	python -m benchmarks.pipeline
	python -m benchmarks.engine

verify: $(VENV)/run-installed $(VENV)/digits-installed  ## run what is committed again, from nothing, in a temporary clone, and compare every byte
	digits verify

prune: $(VENV)/run-installed $(VENV)/digits-installed  ## remove the files of runs that params.yaml no longer has
	digits prune
