# Every task of the project; `make` alone lists them. Needs Python 3.11 or newer with venv, and make.

PYTHON      ?= python3
VENV        ?= .venv
COMPARISONS ?= data_samples/comparisons
RESULTS     ?= results
OPTIONS     ?=

BIN     := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV     := $(VENV)/.dev-installed
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip compiles no editable install, and where Python writes no bytecode every start would compile it anew.
COMPILE := $(BIN)/python -m compileall -q pipeline

# Folders whose names make can hold; any other, and one named `all`, needs make analyze DIR=...
FOLDERS  := cd '$(COMPARISONS)' 2>/dev/null && ls -d */run_results.csv 2>/dev/null | sed 's|/run_results.csv$$||'
PLAIN    := LC_ALL=C grep -x '[A-Za-z0-9._+@-]*'
NAMES    := $(shell $(FOLDERS) | $(PLAIN) | grep -vx all)
OTHERS   := $(shell $(FOLDERS) | $(PLAIN) -v | LC_ALL=C tr -c 'A-Za-z0-9._+@\n-' '?') \
            $(shell $(FOLDERS) | grep -x all)
ANALYSES := $(NAMES:%=$(RESULTS)/%/analysis.json)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-review test test-all check lint types imports notebooks notebook bench analyze analyze-all clean
.PHONY: rules-score rules-fit browser pictures crash
.PHONY: $(NAMES:%=analyze-%)
.DELETE_ON_ERROR:

help:  ## List the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @ 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)
	@echo "Comparisons in $(COMPARISONS) (COMPARISONS=DIR for others):"
	@for name in $(NAMES); do echo "  make analyze-$$name"; done
	@for name in $(OTHERS); do echo "  make analyze DIR=...   for $$name, whose name make cannot hold"; done

# --- Setting up ------------------------------------------------------------------------------------------

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(PIP) install --constraint constraints.txt --editable .
	$(COMPILE)
	@touch $@

$(DEV): $(RUNTIME)
	$(PIP) install --constraint constraints.txt --editable '.[dev]'
	$(COMPILE)
	@touch $@

setup: $(DEV)  ## Make .venv with everything for development

# --- Using it --------------------------------------------------------------------------------------------

demo: $(RUNTIME)  ## Analyse the sample comparison and print the summary
	@$(BIN)/error-analysis analyze --comparison-dir data_samples/comparisons/clinic_three_models \
	  --output $(RESULTS)/clinic_three_models

REVIEWED := $(RESULTS)/clinic_reviewed

demo-review: $(RUNTIME) demo  ## Show a FINAL report of the sample comparison, and the gate refusing one without a review
	@mkdir -p $(REVIEWED)
	@test -e $(REVIEWED)/reviews.jsonl || cp data_samples/reviews/clinic_three_models/reviews.jsonl $(REVIEWED)
	@$(BIN)/error-analysis analyze --comparison-dir data_samples/comparisons/clinic_three_models \
	  --output $(REVIEWED) >/dev/null
	@printf '\nWith its review:\n\n'
	@$(BIN)/error-analysis report $(REVIEWED) --final
	@printf '\nWithout one, report --final refuses:\n\n'
	@! $(BIN)/error-analysis report $(RESULTS)/clinic_three_models --final

analyze: $(RUNTIME)  ## Analyse any comparison folder: make analyze DIR=path
	@test -n '$(DIR)' || { echo "which folder? make analyze DIR=path" >&2; exit 2; }
	@$(BIN)/error-analysis analyze --comparison-dir '$(DIR)' $(OPTIONS)

analyze-all: $(NAMES:%=analyze-%)  ## Analyse every comparison folder whose inputs changed
	@test -n "$(NAMES)" || { echo "no comparison folder in $(COMPARISONS)" >&2; exit 2; }
	@for name in $(OTHERS); do echo "left out, make cannot hold its name: $$name" >&2; done

$(NAMES:%=analyze-%): analyze-%: $(RESULTS)/%/analysis.json

$(ANALYSES): $(RESULTS)/%/analysis.json: $(COMPARISONS)/%/run_results.csv | $(RUNTIME)
	@$(BIN)/error-analysis analyze --comparison-dir '$(COMPARISONS)/$*' --output '$(RESULTS)/$*' $(OPTIONS)

# The run files that each analysis read, written by `error-analysis analyze`.
-include $(wildcard $(RESULTS)/*/inputs.d)

notebook: $(DEV)  ## Run the notebooks and leave executed copies in results/notebook
	@mkdir -p $(RESULTS)/notebook
	$(BIN)/jupyter execute --output '$(abspath $(RESULTS)/notebook)/{notebook_name}' notebooks/*.ipynb

# --- Checking it -----------------------------------------------------------------------------------------

test: $(DEV)  ## Run the tests, without those in a browser and those that kill processes
	$(BIN)/pytest --numprocesses 2 -m 'not browser and not crash'

test-all: $(DEV)  ## Run every test
	$(BIN)/pytest --numprocesses 2

crash: $(DEV)  ## Kill 1,000 processes at random, and one at every write and rename; takes minutes
	$(BIN)/pytest --numprocesses 2 -m crash --kills 1000

check: lint types imports test-all notebooks rules-score  ## Everything that must pass: lint, types, imports, tests, notebooks, rules

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV)
	$(BIN)/mypy

imports: $(DEV)
	$(BIN)/lint-imports

notebooks: $(DEV)
	$(BIN)/pytest --nbmake notebooks

rules-score: $(DEV)  ## Score the error-mode rules on the labelled rows, beside simple labellers
	$(BIN)/python tests/labelled/scorecard.py

rules-fit: $(DEV)  ## Fit the rules' weights to the developed part of the labelled rows
	$(BIN)/python tests/labelled/fit.py

browser:  ## Install the browser that some tests drive (Debian's Chromium, as root)
	@test -x /usr/bin/chromium || { command -v apt-get >/dev/null && test "$$(id -u)" = 0 \
	  && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium >/dev/null; } \
	  || echo "no Chromium at /usr/bin/chromium: the browser tests will be skipped" >&2

pictures: $(DEV) demo  ## Take the pictures of the README anew (needs the browser)
	$(BIN)/python design/pictures/take.py $(RESULTS)/clinic_three_models design/pictures

bench: $(DEV)  ## Time the command against the obvious script, side by side
	$(BIN)/python tests/benchmarks/run.py

clean:  ## Remove .venv, results and caches
	rm -rf $(VENV) $(RESULTS) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
