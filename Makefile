# Every door of the project. `make help` lists them; scripts/ holds what is longer than a line.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
TESTS ?= tests
PYTEST_ARGS ?=
WORKERS ?= 3
BROWSERS ?= 2
# A worker that has nothing left takes tests from another: long ones hold nobody up, and fixtures of a module are built once or twice.
XDIST := --dist worksteal
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_REDIS_URL ?= redis://127.0.0.1:6379/15
CHROMIUM ?= $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))

.PHONY: help setup setup-py setup-web run test test-services e2e test-long lint format bench lock

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: setup-py setup-web ## Install everything (Python and the web assets)

setup-py: ## Make .venv and install torch, the encoder and the hashed lock; instant when nothing changed
	@python=$$(scripts/find-python.sh) && "$$python" scripts/setup_python.py

setup-web: setup-py ## Install the front-end packages and build frontend/dist
	@scripts/setup-web.sh

run: setup ## Start CS Ops (PORT=8000, DEMO=1); Ctrl-C stops all of it
	@$(PY) cs_ops/launch/preflight.py
	@exec $(PY) manage.py launch

test: setup-py ## The suite on SQLite and the filesystem broker (TESTS=path, PYTEST_ARGS=...)
	@$(PY) -m pytest $(TESTS) -n $(WORKERS) $(XDIST) -m "not e2e and not long" $(PYTEST_ARGS)

test-services: setup-py ## The same suite on PostgreSQL and Redis, less what touches no database (TEST_DATABASE_URL, TEST_REDIS_URL)
	@$(PY) scripts/check_services.py "$(TEST_DATABASE_URL)" "$(TEST_REDIS_URL)"
	@DATABASE_URL="$(TEST_DATABASE_URL)" CELERY_BROKER_URL="$(TEST_REDIS_URL)" \
		$(PY) -m pytest $(TESTS) -n $(WORKERS) $(XDIST) -m "not e2e and not long and not computes" $(PYTEST_ARGS)

e2e: setup ## Browser tests in Chromium (CHROMIUM=/path/to/chromium)
	@[ -x "$(CHROMIUM)" ] || { echo "The browser tests need Chromium: install it (Debian: apt-get install chromium) or name one: CHROMIUM=/path make e2e" >&2; exit 1; }
	@CHROMIUM="$(CHROMIUM)" $(PY) -m pytest tests/e2e -n $(BROWSERS) $(XDIST) -m e2e $(PYTEST_ARGS)

test-long: setup-py ## The long forms of drills and fuzzing
	@$(PY) -m pytest tests -m long $(PYTEST_ARGS)

lint: setup ## ruff, mypy, djlint, import floors, system and migration checks
	@scripts/lint.sh

# One pass of djlint is not always its own fixed point.
format: setup-py ## Let ruff and djlint write the layout
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format --quiet .
	@[ ! -d templates ] || for pass in 1 2 3; do .venv/bin/djlint --quiet --reformat templates >/dev/null || true; done

bench: setup-py ## The benchmarks in bench/; BENCH=name runs one
	@scripts/bench.sh "$(BENCH)"

lock: setup-py ## Pin and hash requirements/*.in again
	@scripts/lock.sh
