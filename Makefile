# `make demo` and `make test` are all that a fresh clone needs; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
ARGS ?=
SEEDS ?= 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20
PROCESSES ?= 4
export PYTHON

.PHONY: help install adapters test demo lint format types generate manifests lock faults fuzz compiled test-compiled bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv with the locked dependencies and this project (quick when nothing changed)
	@requirements/install.sh

adapters: install
	@cmp -s requirements/adapters.lock .venv/adapters.lock || requirements/adapters.sh

test: adapters ## Run every test but the long fault runs; ARGS="-k drawdown" narrows it
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

demo: install ## Run everything on this machine; ARGS="--duration 60"
	@$(BIN)/fleawatch demo $(ARGS)

lint: install ## Style, import rules, YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

format: install ## Let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: adapters ## Strict mypy, tests included
	$(BIN)/mypy

generate: install ## Write the generated files anew: JSON Schemas, AsyncAPI, the tables of settings and metrics
	$(BIN)/python -m fleawatch_schemas.generate
	$(BIN)/python docs/settings_table.py README.md
	$(BIN)/python docs/rules_table.py docs/rules.md
	$(BIN)/python docs/metrics_table.py docs/metrics.md

manifests: install ## Check the Dockerfile, the Compose file and k8s/, and run the image's build steps
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/pytest -q tests/unit/packaging $(ARGS)
	$(BIN)/python deploy/rehearse_image.py

lock: install ## Resolve the dependencies anew; ARGS="--upgrade" or ARGS="-P aiohttp" to move them
	requirements/lock.sh $(ARGS)

faults: compiled adapters ## Every fault at full length, 20 seeds, and the report in docs/reliability.md: two hours; ARGS="-k zombie" narrows it
	FLEAWATCH_TEST_FAULT_SEEDS=$(SEEDS) PROCESSES=$(PROCESSES) tests/faults/all.sh $(ARGS)

fuzz: install ## Poison input, guided by coverage, for ten minutes (Linux on x86-64); ARGS="-max_total_time=60"
	@cmp -s requirements/fuzz.lock .venv/fuzz.lock || requirements/fuzz.sh
	PYTHONPATH=tests $(BIN)/python tests/fuzz/poison_input.py -max_total_time=600 $(ARGS)

compiled: install ## Build the wheel with the core compiled, and unpack it into build/compiled; needs a C compiler
	@requirements/compile.sh

test-compiled: compiled ## The tests of the core, on its compiled form
	PYTHONPATH=build/compiled $(BIN)/pytest -q -n 2 --dist loadfile tests/unit/core tests/property tests/integration/test_end_to_end.py $(ARGS)

bench: compiled ## Throughput and latency beside plain Faust; ARGS=--quick for small sizes
	PYTHONPATH=build/compiled $(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove .venv and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
