# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3) python3)
VENV := .venv/bin/python
NODE_BIN := $(shell command -v npm >/dev/null 2>&1 && echo system || echo wheel)
unexport VIRTUAL_ENV
unexport PYTHONPATH
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## the environment, the assets and the message catalogues
	@$(PYTHON) deploy/environment.py
	@$(VENV) -m deploy.system
	@$(VENV) -m deploy.assets
	@$(VENV) -m deploy.messages compile
	@# A plugin's process may not write beside its own files, and would compile them at each start.
	@$(VENV) -m compileall -q platform plugins workers

demo: setup ## train and use two models as a new tenant would, then serve (EXIT=1: stop by itself)
	@$(VENV) -m deploy.demo $(if $(EXIT),--exit)

run: setup ## the platform without the demo, until Ctrl-C
	@$(VENV) -m deploy.launch

test: setup ## the whole suite, on SQLite and on PostgreSQL
	@$(VENV) -m deploy.system tests
	@$(VENV) tests/run.py

check: setup ## ruff, format, types, import rules, size bars
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@.venv/bin/lint-imports
	@$(VENV) deploy/check_sizes.py
	@$(VENV) manage.py makemigrations --check --dry-run

fuzz: setup ## 10,000 mutated frames each way against the supervisor of plugins' processes
	@FUZZ_FRAMES=10000 $(VENV) -m pytest -q tests/workers/test_protocol_fuzz.py

escapes: setup ## what a hostile plugin tries, and what contained it: a table
	@$(VENV) -m deploy.system tests
	@ESCAPES=1 $(VENV) -m pytest -q tests/escapes

faults: setup ## kill every part at every named point, and more: a table (FAULTS_SEEDS=20; hours)
	@$(VENV) -m deploy.system tests
	@$(VENV) tests/faults/run.py

bench: setup ## one benchmark, such as NAME=p4 or NAME=tabular
	@$(VENV) -m benchmarks $(NAME)

screenshots: setup ## the pictures in docs/screenshots, taken by the browser tests
	@$(VENV) -m deploy.system tests
	@SCREENSHOTS=1 $(VENV) -m pytest -q tests/browser

reference: setup ## docs/plugin-reference.md, from the SDK's docstrings
	@$(VENV) -m deploy.reference

messages: setup ## gather new texts into locale/, and name those without a translation
	@$(VENV) -m deploy.messages update

lock: ## make the lock files anew from pyproject.toml
	@$(VENV) deploy/lock.py

clean: ## everything that was made, but not the data in var/
	rm -rf .venv node_modules assets/dist .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup demo run test check fuzz escapes faults bench screenshots reference messages lock clean
