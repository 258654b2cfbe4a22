# make demo | test | test-all | campaign | docs | lint | typecheck | bench | clean
# Every target sets up what it needs in .venv; nothing else has to be installed first.

VENV   := .venv
BIN    := $(VENV)/bin
IS_NEW := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(IS_NEW) 2>/dev/null && { echo $$python; break; }; done)
DEMO   ?= demo
WORKERS ?= 2
MINUTES ?= 2

.PHONY: help demo test test-all campaign docs lint typecheck bench clean

help:
	@echo "make demo       draw the attention figure of a photograph into $(DEMO)/"
	@echo "make test       run the tests, but for the slow ones"
	@echo "make test-all   run all tests"
	@echo "make campaign   try to break skviz for two minutes (MINUTES=60)"
	@echo "make docs       build the documentation into docs/_build/html"
	@echo "make lint       ruff: rules and format"
	@echo "make typecheck  mypy, strict"
	@echo "make bench      time what has a bound (QUICK=1: under a minute)"
	@echo "make clean      remove environment, caches and what was made"

demo: $(VENV)/.ready
	@mkdir -p $(DEMO)
	@$(BIN)/skviz attention example --stage 3_4 --scales 1,1.5,2 --format png \
		--out $(DEMO) --overwrite

# Several processes of one thread each are quicker than one of several threads.
test: $(VENV)/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-all: $(VENV)/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

campaign: $(VENV)/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.campaign --minutes $(MINUTES)

# From nothing: what an earlier build left behind cannot hide a page that is gone.
docs: $(VENV)/.ready-docs
	rm -rf docs/_build docs/api docs/commands docs/examples
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -j 1 docs docs/_build/html
	@echo "open docs/_build/html/index.html"

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/.ready-dev
	$(BIN)/mypy

# QUICK=1: under a minute. ONLY=capture: one section. REPORT=docs/benchmarks.md: keep it, and as JSON.
bench: $(VENV)/.ready-bench
	$(BIN)/python tests/benchmarks/bench.py $(if $(QUICK),--quick) \
		$(if $(ONLY),--only $(ONLY)) $(if $(REPORT),--report $(REPORT))

clean:
	rm -rf docs/_build docs/api docs/commands docs/examples
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment, and its stamps: one with what skviz needs, one with what its developers need.
$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "skviz needs Python 3.11 or newer, and found none:" >&2; \
		echo "install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	elif ! $(PYTHON) $(IS_NEW); then \
		echo "skviz needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; \
	fi
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.ready-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@# What these two ask for would replace Pillow; what the tests use of them needs none of it.
	$(BIN)/python -m pip install --quiet --no-deps zcls resnest
	@touch $@ $(VENV)/.ready

# The tools that skviz is compared with.
$(VENV)/.ready-bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@ $(VENV)/.ready

$(VENV)/.ready-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.ready
