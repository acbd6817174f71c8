# Everything runs in .venv, which is created from the lock file. Requirements: Python 3.11 or newer, make, and git.

PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-strip-extras --python-version 3.11 $(UPGRADE) \
	--custom-compile-command "make lock"
UPGRADE ?= --upgrade
# twice the number of processors, because many tests mostly wait for a server
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)
README_WORKFLOW := build/readme.yml
unexport PYTHONDONTWRITEBYTECODE # otherwise, each of a thousand commands would recompile the package
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/workflows/*.yml) $(README_WORKFLOW)

.PHONY: help demo stack unit test test-v2 test-backends check types lint format golden oracle fuzz crash-test load-test action-test bench \
	lock server act dist clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(INSTALLED) ## Demonstrate plan and apply on a local Temporal dev server (DEMO_UI=1 keeps it running)
	@$(BIN)/python -m tools.demo

stack: $(INSTALLED) server ## Run Temporal, PostgreSQL, the service, and a worker together until Ctrl-C
	@$(BIN)/python -m tools.stack

unit: $(INSTALLED) ## Run the tests that need no server
	$(BIN)/pytest tests/unit tests/golden tests/architecture --numprocesses $(WORKERS) --dist worksteal

test: check server act ## Check everything and run all tests
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

test-backends: test test-v2 ## Run all tests on V1, and those that need a server also on V2

test-v2: $(INSTALLED) ## Run the tests that need a server on the V2 schedule backend (needs Go the first time)
	@$(BIN)/python -m tools.devserver v2
	SCHEDULE_BACKEND=v2 $(BIN)/pytest tests/contract tests/integration tests/acceptance tests/oracle \
		--numprocesses $(WORKERS) --dist worksteal

check: $(INSTALLED) $(README_WORKFLOW) ## Check formatting, lint, types, layers, schemas, and workflows
	@$(MAKE) --no-print-directory --jobs 2 types lint

types: $(INSTALLED)
	$(BIN)/mypy

lint: $(INSTALLED) $(README_WORKFLOW)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --check-metaschema schemas/*.schema.json
	$(BIN)/check-jsonschema --quiet --schemafile schemas/repo-spec.schema.json .cogni/repo-spec.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/shellcheck action/run.sh
	$(BIN)/zizmor --quiet --pedantic --offline --config .github/zizmor.yml action.yml $(WORKFLOWS)
	$(BIN)/python -m tools.actionlint $(WORKFLOWS)

format: $(INSTALLED) ## Format the code and apply the linter's fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: $(INSTALLED) server ## Regenerate the golden plans, the OpenAPI document, and the docs' console examples; review them before you commit
	$(BIN)/pytest tests/golden tests/architecture/test_published.py tests/acceptance/test_consoles.py --update-golden

oracle: $(INSTALLED) server ## Compare N random cron expressions, timings, and actions with the server (N=50000 SEED=... SCHEDULE_BACKEND=v2)
	ORACLE_CASES=$(or $(N),50000) RANDOM_SCHEDULES=1000 ORACLE_SEED=$(or $(SEED),$(shell date +%s)) \
		$(BIN)/pytest tests/oracle tests/integration/test_random_schedules.py --numprocesses $(WORKERS) --dist worksteal -rP

fuzz: $(INSTALLED) ## Fuzz specs, saved plans, and snapshots, and run the property tests with more examples (N=100000 SEED=...)
	FUZZ_CASES=$(or $(N),100000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) PROPERTY_EXAMPLES=$(shell expr $(or $(N),100000) / 200) \
		$(BIN)/pytest tests/fuzz tests/property --numprocesses $(WORKERS) --dist worksteal

crash-test: $(INSTALLED) server ## Kill an apply at N points between calls to the server, and make every call fail (N=1000 SEED=...)
	CRASH_POINTS=$(or $(N),1000) CRASH_SEED=$(or $(SEED),$(shell date +%s)) EXIT_RUNS=100 \
		$(BIN)/pytest tests/acceptance/test_crash.py tests/acceptance/test_exit_codes.py tests/integration/test_fault_table.py \
		-m "slow or not slow" --numprocesses $(WORKERS) --dist worksteal -rP

load-test: $(INSTALLED) server ## Send many requests to the service, and run many applies at once (N=1000 SEED=...)
	LOAD_CALLS=$(or $(N),1000) RACES=$(shell expr $(or $(N),1000) / 50) \
		PAIRS=$(shell expr $(or $(N),1000) / 10) PAIRS_SEED=$(or $(SEED),$(shell date +%s)) \
		$(BIN)/pytest tests/integration/test_service_load.py tests/integration/test_service_races.py tests/integration/test_concurrency.py \
		--numprocesses $(WORKERS) --dist worksteal -rP

action-test: $(INSTALLED) server act ## Install and run the Action in many ways: interrupted, twice at once, without an index, and so on
	ACTION_INSTALL=whole $(BIN)/pytest tests/action -m "slow or not slow" --numprocesses $(WORKERS) --dist worksteal

bench: $(INSTALLED) server ## Benchmark startup, commands, repair, the service, and the worker (takes hours)
	@$(BIN)/python -m compileall -qq reconciler bench
	@$(BIN)/python -m bench.startup
	@$(BIN)/python -m bench.schedules
	@$(BIN)/python -m bench.latency
	@$(BIN)/python -m bench.starvation
	@$(BIN)/python -m bench.repair
	@$(BIN)/python -m bench.worker
	@$(BIN)/python -m bench.sync
	@$(BIN)/python -m bench.memory

server: $(INSTALLED) ## Find or download Temporal's dev server
	@$(BIN)/python -m tools.devserver

act: $(INSTALLED) ## Find or build the program that runs workflows in the tests
	@$(BIN)/python -m tools.programs

lock: $(INSTALLED) ## Update the lock files
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --output-file requirements-dev.lock --extra github --extra service --extra embedded --group dev
	$(COMPILE) --output-file requirements-action.lock --extra github --group build
	$(COMPILE) --output-file requirements-service.lock --extra service --group build

$(README_WORKFLOW): README.md # its workflow is checked like the others
	@mkdir -p $(@D)
	@sed -n '/^```yml$$/,/^```$$/{/^```/!p;}' README.md >$@

$(INSTALLED): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is required: install it, or specify it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(PIP) --require-hashes --requirement requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

dist: $(INSTALLED) ## Build the distributions
	rm -rf dist
	$(BIN)/hatchling build

clean: ## Remove everything that the targets created
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
