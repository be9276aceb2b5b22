# Every task of the project; `make` alone lists them. Needs Python 3.11 or newer with venv, and make.

PYTHON      ?= python3
PYTHON_OLDEST ?= $(PYTHON)
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

# What a caller gives is taken as it is written: make expands nothing in it, and recipes read it from the environment.
override COMPARISONS := $(value COMPARISONS)
override DIR         := $(value DIR)
override OPTIONS     := $(value OPTIONS)
override RESULTS     := $(value RESULTS)
export COMPARISONS DIR OPTIONS RESULTS
define newline


endef
# For the shell's `printf %b`: $(shell) of older makes has none of these variables in its environment.
quoted = '$(subst ','\'',$(subst $(newline),\n,$(subst \,\\,$(1))))'

# Folders whose names make can hold; any other, and one named `all`, needs make analyze DIR=...
PLAIN    := A-Za-z0-9._+@
FOLDERS   = export LC_ALL=C; CDPATH= cd -- "$$(printf %b $(call quoted,$(COMPARISONS)/.))" 2>/dev/null \
              && for name in */run_results.csv; do test -e "./$$name" || continue; name=$${name%/run_results.csv}; case "$$name" in
NAMES    := $(shell $(FOLDERS) (all|*[!$(PLAIN)-]*) ;; (*) printf '%s\n' "$$name";; esac; done)
OTHERS   := $(shell $(FOLDERS) (all|*[!$(PLAIN)-]*) printf %s "$$name" | tr -c '$(PLAIN)-' '?'; echo;; esac; done)
# In folders whose names make cannot hold it knows no files: everything there is analysed each time.
UNFIT    := $(filter-out 0,$(shell printf %s $(call quoted,$(COMPARISONS)$(RESULTS)) \
              | LC_ALL=C tr -d '$(PLAIN),/\200-\377-' | wc -c))
ANALYSES := $(NAMES:%=$(RESULTS)/%/analysis.json)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-review test test-all check lint types imports notebooks notebook bench analyze analyze-all clean
.PHONY: rules-score rules-fit browser pictures crash check-oldest check-pythons
.PHONY: $(NAMES:%=analyze-%)
.DELETE_ON_ERROR:

help:  ## List the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @ 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)
	@printf '%s\n' "Comparisons in $$COMPARISONS (COMPARISONS=DIR for others):"
	@for name in $(NAMES); do echo "  make analyze-$$name"; done
	@for name in $(OTHERS:%='%'); do echo "  make analyze DIR=...   for $$name, whose name make cannot hold"; done

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
	  --output "$$RESULTS/clinic_three_models"

demo-review: $(RUNTIME)  ## Review the sample: what is refused before, and what FINAL says
	@$(BIN)/error-analysis analyze --comparison-dir data_samples/comparisons/clinic_three_models \
	  --output "$$RESULTS/clinic_three_models" >/dev/null
	@printf '%s\n' 'Without a review, report --final writes nothing and exits with 4:'
	@{ $(BIN)/error-analysis report --final -- "$$RESULTS/clinic_three_models" 2>&1 >/dev/null; test $$? = 4; } \
	  | sed -n '$$s/^error: /  /p'
	@mkdir -p -- "$$RESULTS/clinic_reviewed"
	@test -e "$$RESULTS/clinic_reviewed/reviews.jsonl" \
	  || cp -- data_samples/reviews/clinic_three_models/reviews.jsonl "$$RESULTS/clinic_reviewed"
	@$(BIN)/error-analysis analyze --comparison-dir data_samples/comparisons/clinic_three_models \
	  --output "$$RESULTS/clinic_reviewed" >/dev/null
	@$(BIN)/error-analysis report --final -- "$$RESULTS/clinic_reviewed" >/dev/null
	@printf '\nWith its review it is written:\n\n'
	@$(BIN)/error-analysis summary -- "$$RESULTS/clinic_reviewed"

# Starts a command with the words of OPTIONS behind its own: quotes hold words together, and nothing is run or expanded.
define WITH_OPTIONS
import os, shlex, sys
try:
    words = shlex.split(os.environ["OPTIONS"])
except ValueError as why:
    print("OPTIONS=" + os.environ["OPTIONS"] + ":", why, file=sys.stderr)
    sys.exit(2)
os.execv(sys.argv[1], sys.argv[1:] + words)
endef
export WITH_OPTIONS
ANALYZE := $(BIN)/python -c "$$WITH_OPTIONS" $(BIN)/error-analysis analyze

analyze: $(RUNTIME)  ## Analyse any comparison folder: make analyze DIR=path
	@test -n "$$DIR" || { echo "which folder? make analyze DIR=path" >&2; exit 2; }
	@$(ANALYZE) --comparison-dir "$$DIR"

# Every folder is tried, each by a make of its own; what fails is noted in a file that FAILED names.
analyze-all: $(RUNTIME)  ## Analyse every comparison folder whose inputs changed
	@test -n "$(NAMES)" || { printf '%s\n' "no comparison folder in $$COMPARISONS" >&2; exit 2; }
	+@FAILED=$$(mktemp) && export FAILED && trap 'rm -f -- "$$FAILED"' EXIT \
	  && { $(MAKE) --no-print-directory --keep-going $(NAMES:%=analyze-%); code=$$?; \
	    for name in $(OTHERS:%='%'); do echo "left out, make cannot hold its name: $$name" >&2; done; \
	    test ! -s "$$FAILED" || echo "failed: $$(sort -- "$$FAILED" | tr '\n' ' ')" >&2; exit $$code; }
NOTE_FAILURE = { code=$$?; test -z "$$FAILED" || echo '$*' >>"$$FAILED"; exit $$code; }

ifeq ($(UNFIT),)
# Analysed again although no input is newer: with other OPTIONS than the last time, or without its list of outputs.
OUTDATED := $(shell export LC_ALL=C; for name in $(NAMES); do folder=$(RESULTS)/$$name; \
              test -e "$$folder/inputs.d" \
              && test "$$(cat -- "$$folder/make_options" 2>/dev/null)" = "$$(printf %b $(call quoted,$(OPTIONS)))" \
              || printf '%s\n' "$$name"; done)
$(OUTDATED:%=$(RESULTS)/%/analysis.json): anew
.PHONY: anew

$(NAMES:%=analyze-%): analyze-%: $(RESULTS)/%/analysis.json

$(ANALYSES): $(RESULTS)/%/analysis.json: $(COMPARISONS)/%/run_results.csv | $(RUNTIME)
	@$(ANALYZE) --comparison-dir "$$COMPARISONS/$*" --output "$$RESULTS/$*" || $(NOTE_FAILURE)
	@test ! -d "$(@D)" || printf '%s\n' "$$OPTIONS" >"$(@D)/make_options"

# The run files that each analysis read, written by `error-analysis analyze`.
-include $(NAMES:%=$(RESULTS)/%/inputs.d)
else
$(NAMES:%=analyze-%): analyze-%: | $(RUNTIME)
	@$(ANALYZE) --comparison-dir "$$COMPARISONS/$*" --output "$$RESULTS/$*" || $(NOTE_FAILURE)
endif

notebook: $(DEV)  ## Run the notebooks and leave executed copies in results/notebook
	@mkdir -p -- "$$RESULTS/notebook"
	$(BIN)/jupyter execute --output "$$(CDPATH= cd -- "$$RESULTS/notebook/." && pwd)/{notebook_name}" notebooks/*.ipynb

# --- Checking it -----------------------------------------------------------------------------------------

test: $(DEV)  ## Run the tests with fewer examples, without the slow ones and those in a browser or with kills
	$(BIN)/pytest --numprocesses 2 -m 'not browser and not crash and not slow' --hypothesis-profile few

test-all: $(DEV)  ## Run every test
	$(BIN)/pytest --numprocesses 2

crash: $(DEV)  ## Kill 1,000 processes at random, and one at every write and rename; takes minutes
	$(BIN)/pytest --numprocesses 2 -m crash --kills 1000

# What is neither slow, nor needs a browser, nor is about processes and signals; with charts and the review page.
UNIT    := --numprocesses 2 -m 'not browser and not crash and not slow' --hypothesis-profile few \
             $(foreach name,html interruption hostile serve_hostile ledger_files moving,--ignore tests/test_$(name).py)
TESTING := pytest pytest-xdist hypothesis syrupy markdown-it-py
PYTHONS := 3.12 3.13

check-oldest:  ## Run the unit tests at the lowest versions of pyproject.toml (on PYTHON_OLDEST=python3.11)
	@$(PYTHON_OLDEST) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "check-oldest needs Python 3.11: make check-oldest PYTHON_OLDEST=python3.11" >&2; exit 1; }
	$(PYTHON_OLDEST) -m venv --clear $(VENV)/oldest
	$(VENV)/oldest/bin/python tests/oldest.py >$(VENV)/oldest/constraints.txt
	$(VENV)/oldest/bin/python -m pip --disable-pip-version-check --quiet install \
	  --constraint $(VENV)/oldest/constraints.txt --editable '.[charts,serve,xlsx]' duckdb $(TESTING)
	$(VENV)/oldest/bin/pytest $(UNIT)

check-pythons:  ## Run the unit tests on those of Python 3.12 and 3.13 that are installed
	@for version in $(PYTHONS); do \
	  python$$version -c '' 2>/dev/null || { echo "python$$version is not installed: left out"; continue; }; \
	  python$$version -m venv --clear $(VENV)/$$version \
	  && $(VENV)/$$version/bin/python -m pip --disable-pip-version-check --quiet install \
	    --constraint constraints.txt --editable '.[charts,serve,xlsx]' duckdb $(TESTING) \
	  && $(VENV)/$$version/bin/pytest $(UNIT) || exit 1; \
	done

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

rules-score: $(DEV)  ## Score the error-mode rules on the labelled rows, or on a folder: make rules-score EXTRA=DIR
	@$(BIN)/python tests/labelled/scorecard.py ${EXTRA:+"$$EXTRA"}

rules-fit: $(DEV)  ## Fit the rules' weights to the developed part of the labelled rows
	$(BIN)/python tests/labelled/fit.py

browser:  ## Install the browser that some tests drive (Debian's Chromium, as root)
	@test -x /usr/bin/chromium || { command -v apt-get >/dev/null && test "$$(id -u)" = 0 \
	  && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium >/dev/null; } \
	  || echo "no Chromium at /usr/bin/chromium: the browser tests will be skipped" >&2

pictures: $(DEV) demo  ## Take the pictures of the README anew (needs the browser)
	$(BIN)/python design/pictures/take.py "$$RESULTS/clinic_three_models" design/pictures

bench: $(DEV)  ## Time the command against the obvious script, side by side
	$(BIN)/python tests/benchmarks/run.py

clean:  ## Remove .venv, results and caches
	rm -rf -- $(VENV) "$$RESULTS" .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
