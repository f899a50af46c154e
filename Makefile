# Two commands: `make demo` shows everything, `make test` proves it. Needs python3 (3.11 to 3.13) and make.
PYTHON ?= python3
BIN := .venv/bin
export MARKET_ASSETS_HOME ?= data
HOME_DIR := $(abspath $(MARKET_ASSETS_HOME))
export DAGSTER_HOME ?= $(HOME_DIR)/dagster

.PHONY: help demo test lint bench serve dev lock clean
help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "needs Python 3.11 to 3.13, found $$($(PYTHON) --version); name another with PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: .venv/installed ## sandbox, Dagster and app, backfilled and served; ONCE=1 stops after the table
	$(BIN)/market-assets demo $(if $(ONCE),--once)

test: .venv/installed ## every test, with a real PostgreSQL and a real browser
	$(BIN)/python tests/system_packages.py
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/installed ## style, types, import contracts, and known holes of what is installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/dependency_audit.py

bench: .venv/installed ## every benchmark against its peer; writes benchmarks/results.json
	$(BIN)/python -m benchmarks.run

serve: .venv/installed ## the app and its REST API
	$(BIN)/market-assets serve

dev: .venv/installed $(DAGSTER_HOME)/dagster.yaml ## Dagster's UI and daemon
	$(BIN)/dagster dev --workspace workspace.yaml

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p $(@D)
	cp dagster.yaml $@

lock: ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --extra dev pyproject.toml --output-file requirements.lock

clean: ## remove the environment and the demo's data
	rm -rf .venv $(HOME_DIR)/demo
