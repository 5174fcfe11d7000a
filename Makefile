# Everything starts from here: `make run`, `make test`. A fresh machine needs Python 3.11+, make and a package registry, nothing else.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)

.PHONY: run test bench simulate kill-loop check setup setup-run lock clean help

help:
	@echo "make run     set up and start Handfast with the demo company; prints the address to open"
	@echo "make test    set up and run the tests"
	@echo "make bench   run the benchmarks, each beside its baseline"
	@echo "make simulate SEEDS=1000   the loop under a virtual clock with faults; SEED=n tells one; BROKEN=name plays a product broken on purpose"
	@echo "make kill-loop KILLS=100   kill -9 of worker, server and PostgreSQL while they work; counts what is lost and what comes twice"
	@echo "make check   format, lint, types, floors"
	@echo "make setup   set up .venv with everything that developing needs"

$(BIN)/python:
	@if [ -n "$(UV)" ]; then "$(UV)" venv -q --seed --python "$(PYTHON)" $(VENV); else $(PYTHON) -m venv $(VENV); fi

# What running needs. Hashed and pinned; no compiler, no node.
$(VENV)/.runs: $(BIN)/python requirements/runtime.txt pyproject.toml
	@echo "Setting up .venv (first time: a minute)…"
	@if [ -n "$(UV)" ]; then "$(UV)" pip install -q --python $(BIN)/python --require-hashes -r requirements/runtime.txt -r requirements/build.txt; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.txt -r requirements/build.txt; fi
	@if [ -n "$(UV)" ]; then "$(UV)" pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; fi
	@touch $@

# What developing needs on top.
$(STAMP): $(VENV)/.runs requirements/dev.txt
	@echo "Setting up the development tools…"
	@if [ -n "$(UV)" ]; then "$(UV)" pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt; fi
	@touch $@

setup: $(STAMP)
setup-run: $(VENV)/.runs

run: $(VENV)/.runs
	@$(BIN)/handfast demo

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: $(STAMP)
	@$(BIN)/python -m bench

SEEDS ?= 1000
simulate: $(STAMP)
	@$(BIN)/python -m tests.simulate $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(BROKEN),--broken $(BROKEN))

KILLS ?= 100
kill-loop: $(STAMP)
	@$(BIN)/python -m tests.worker.kill_loop $(KILLS)

check: $(STAMP)
	@$(BIN)/ruff format --check src tests bench tools
	@$(BIN)/ruff check src tests bench tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

# Writes the hashed requirement files anew; needs uv.
lock:
	cd requirements && for f in runtime build dev; do uv pip compile -q --generate-hashes --no-emit-index-url --no-header $$f.in -o $$f.txt; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
