# Two commands are all the set-up there is:
#   make demo     install into .venv, index photographs, look for similar ones and for a word (PHOTOS=~/Pictures WORDS="red shoe")
#   make test     install the test extras too, and run every check and test, but the slowest
# Those take five seconds or more each: every page of the site in a browser, a network exported, packages installed:
#   make slow
# The tests' loops at full length, then the campaigns (kills, power cuts, damaged files and more; tests/campaigns), each for
# so many minutes. That is for before a release:
#   make torture MINUTES=10
# A few turns of each campaign, about a minute in all:
#   make campaigns
# The documentation as a site, in build/site:
#   make docs     install what that takes, and build it
# Without torch, which is some 6 GB:
#   make test-light   the same, but for the tests that need torch, and the types of what uses it

PYTHON ?= python3
VENV   := .venv
MINUTES ?= 10
SEED   ?= 1
BIN    := $(VENV)/bin
# Whichever process has nothing left takes over tests of another.
PARALLEL := --numprocesses auto --dist worksteal
# The tests write and sync thousands of small files. In memory that takes a third less time: where there are 4 GB of it, and
# programs may be started from there, as the tests do.
ifndef TMPDIR
SCRATCH := $(shell grep -qs ' /dev/shm [^ ]* [^ ]*noexec' /proc/mounts \
	|| df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')
endif

# The tests start hundreds of processes, and the checks compile as much: none shall compile what another did.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo docs test slow test-light torture campaigns check ruff types imports clean

help:
	@sed -n 's/^#  *make/make/p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "seealso needs Python 3.11 or later; say which one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv module is missing; on Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }

$(VENV)/installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-test-light: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test-light]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(VENV)/installed

demo: $(VENV)/installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/run.sh

# The checks side by side, each with its output in one piece.
check: $(VENV)/installed-test
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types ruff imports

ruff:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types:
	$(BIN)/mypy --num-workers 2

imports:
	$(BIN)/lint-imports

test: check
	$(SCRATCH) $(BIN)/python -m pytest $(PARALLEL) -m "not slow"

slow: $(VENV)/installed-test
	$(SCRATCH) $(BIN)/python -m pytest $(PARALLEL) -m slow

test-light: $(VENV)/installed-test-light
	@$(MAKE) --no-print-directory ruff imports
	$(SCRATCH) $(BIN)/python -m pytest $(PARALLEL) -m "not slow"

torture: $(VENV)/installed-test
	TORTURE=1 $(BIN)/python -m pytest $(PARALLEL) -m torture
	@mkdir -p build
	cd tests && $(CURDIR)/$(BIN)/python -m campaigns --minutes $(MINUTES) --seed $(SEED) --json ../build/torture.json

campaigns: $(VENV)/installed-test
	cd tests && $(SCRATCH) $(CURDIR)/$(BIN)/python -m campaigns --quick

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

clean:
	rm -rf $(VENV) .demo .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache dist build
