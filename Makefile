# Every command of the project; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# With it set every start of Python compiles its imports anew, which costs seconds.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# One profile for build, clippy and tests, so that dependencies are compiled once.
PROFILE := --release --locked --manifest-path consumer/Cargo.toml

##@ Start
.PHONY: help setup demo
help: ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: ## .venv with the locked packages and, at the same time, the consumer; a second run is instant
	@$(MAKE) -s -j2 .venv/.installed consumer/target/release/synthmill-consumer

demo: setup ## 200 support tickets from a shop's products, offline, with what they cost and where they are
	@scripts/demo

##@ Work on it
.PHONY: test test-long check fmt bench figures
test: ## everything that must hold: check, Rust tests, Python tests
	@scripts/test

test-long: setup ## the tests that take many seeds or big sizes
	$(BIN)/pytest -m long

check: setup ## what needs no test run: format, lints, types, generated files, lock, prose
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m synthmill_schemas.export --check
	cargo fmt --check --manifest-path consumer/Cargo.toml
	cargo clippy --quiet $(PROFILE) --all-targets -- -D warnings
	$(BIN)/pytest --quiet tests/unit/repository

fmt: setup ## formats, mends what lints can mend, writes the generated files
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	$(BIN)/python -m synthmill_schemas.export
	cargo fmt --manifest-path consumer/Cargo.toml

bench: setup ## measures; see benchmarks/README.md
	$(BIN)/python -m benchmarks

figures: setup ## how long files and functions are, folder by folder
	@$(BIN)/python scripts/figures.py

##@ The large profile on this machine, without Docker (on Debian; see deployments/)
.PHONY: stack stack-down stack-status deploy
stack: ## starts every server and service on loopback ports, installing what is missing: WORKERS=2 CONSUMERS=2
	deployments/native/stack up

stack-down: ## stops what it started, services first
	deployments/native/stack down

stack-status: ## whether each of them is healthy, and where it is
	@deployments/native/stack status

deploy: setup ## pool, blocks, deployments and automations onto PREFECT_API_URL, or the stack's own server; twice is once
	@deployments/deploy

##@ Keep
.PHONY: lock clean
lock: setup ## resolves pyproject.toml into requirements.lock
	scripts/lock

clean: ## removes .venv, build output and caches; datasets in .synthmill/ and out/ stay
	rm -rf .venv consumer/target .synthmill/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.installed: requirements.lock pyproject.toml scripts/setup-python
	@echo "Python packages: installing (about a minute when nothing is cached)"
	@scripts/setup-python
	@touch $@

# Cargo itself knows what is stale; asking it takes a fraction of a second.
.PHONY: consumer/target/release/synthmill-consumer
consumer/target/release/synthmill-consumer:
	@scripts/setup-rust
