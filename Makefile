# `make` prints this list. Needs make and Python 3.11 to 3.13; everything else goes into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON_BIN := .venv/bin/python

.PHONY: help setup setup-run browser strangers client demo test simulate mutants check audit fmt reference bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the virtual environment in .venv, from the lock file
	@tools/setup.sh dev

setup-run:
	@tools/setup.sh run

browser:
	@tools/setup.sh browser

strangers: setup
	@tools/setup.sh strangers

client: setup browser ## the checkout client of client/: types, build, platform rules, budgets and its tests
	@tools/setup.sh client
	@tools/setup.sh client-run check
	@tools/setup.sh client-run test-built

demo: setup-run ## a small shop that takes a signed payment on this machine; Ctrl-C stops it
	@trap 'exit 0' INT; .venv/bin/shunfu demo $(ARGS) || { code=$$?; [ $$code = 130 ] || exit $$code; }

test: setup browser strangers client ## every test, the client's too, and that docs/proof.md's tests ran; LONG=1 adds the long ones
	@PYTHONPATH=tests $(PYTHON_BIN) -m pytest -p house.ran_plugin -n auto --maxprocesses 4 --dist loadfile $(if $(LONG),-m "",)
	@$(PYTHON_BIN) tools/proof.py

simulate: setup ## the real use-cases under drawn faults; SEEDS=100000 for more, ARGS='--seed 7 --trace' for one
	@mkdir -p build
	@$(PYTHON_BIN) tools/simulate.py --seeds $(or $(SEEDS),1000) --jobs $$(nproc) --json build/simulation.json $(ARGS)

mutants: setup ## the seeded bugs of tests/mutants, and the test that kills each; ARGS='refunds' chooses
	@$(PYTHON_BIN) tools/mutate.py $(ARGS)

check: setup ## style, types, imports, SQL, licences, SBOM, vendored scripts, API and docs drift
	@$(PYTHON_BIN) tools/check.py

audit: setup ## does PyPI know of a weakness in a locked package? needs the internet
	@$(PYTHON_BIN) tools/audit_packages.py

fmt: setup ## format and fix what can be fixed by machine
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .

reference: setup ## write docs/reference from the code
	@$(PYTHON_BIN) tools/reference.py

bench: setup ## the numbers, as one JSON document a line
	@$(PYTHON_BIN) tools/bench.py

clean: ## remove .venv and caches; data folders stay
	@rm -rf .venv tests/strangers/node_modules client/node_modules client/dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
