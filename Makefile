.DEFAULT_GOAL := help
.PHONY: help setup run plots page test kills lint lock prune readme bench verify demo

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# DVC prints the rows of `metrics diff` in the order of their hashes: the same one every time.
export PYTHONHASHSEED := 0
# How many stages `make run` runs at a time.
JOBS ?= 1

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(VENV)/installed  ## make the virtual environment with all that is needed

$(VENV)/installed: requirements/*.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "error: $(PYTHON) is not Python 3.11; name one, as in make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@

run: setup  ## train, evaluate and draw whatever is not up to date: the whole pipeline; JOBS=2: two stages at a time
	python -m digits.params
	python -m digits.replace_stand_in
	$(if $(filter-out 1,$(JOBS)),python -m digits.side_by_side --jobs $(JOBS),dvc repro)

demo: setup  ## serve a page to draw a digit on, which every trained model answers
	python -m digits.demo

plots: setup  ## write the page of plots, dvc_plots/index.html
	dvc plots show

page: setup  ## write the page that DVC puts the plots into: after an edit of its source, or another version of its library
	python -m digits.plots_page

test: setup  ## run the tests
	pytest

kills: setup  ## kill stages at random moments, and see that they go on to the same bytes (some ten minutes)
	pytest -m slow

lint: setup  ## check style and types, the Dockerfile and the workflow
	ruff check .
	ruff format --check .
	mypy digits stages benchmarks tools
	hadolint Dockerfile
	zizmor --offline --no-progress --quiet .github

# One resolution for all, and of it what each part needs: a stage depends on its own part. The CUDA packages that PyTorch's build for GPUs brings
# are left out: it pins them itself, and its build for the CPU has none.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate
lock: setup  ## renew requirements/*.txt, the pins of all packages that those in requirements/*.in bring with them
	$(COMPILE) --upgrade requirements/dev.in --output-file requirements/dev.txt
	for part in base pipeline plots remote tf torch tune use; do \
		$(COMPILE) --constraints requirements/dev.txt requirements/$$part.in --output-file requirements/$$part.txt || exit 1; \
	done
	sed -i.bak -E '/^(cuda|nvidia|triton)/d' requirements/*.txt && rm requirements/*.bak

readme: setup  ## write the measured figures into README.md
	python -m digits.readme

bench: setup  ## time the whole pipeline from an empty cache, and race the engine against the frameworks
	python -m benchmarks.pipeline
	python -m benchmarks.engine

verify: setup  ## run what is committed again from nothing in a temporary clone, and compare every output's bytes
	python -m digits.verify

prune: setup  ## remove what runs that are no longer in params.yaml left behind
	python -m digits.prune
