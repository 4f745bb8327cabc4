# Everything a newcomer, a contributor and the CI type. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

export CHARTRIER_HOME ?= .run
export CHARTRIER_PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check
# Tests run in that many processes, each with servers of its own (tests/lanes.py says which tests stay together).
# TESTS_AT_ONCE=0 runs them in this one, as a debugger needs.
TESTS_AT_ONCE ?= 2
PYTEST := $(PY) -m pytest -n $(TESTS_AT_ONCE) --max-worker-restart 0
LAST_PART := --no-deps --no-build-isolation -e . -e client
UV_LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE)

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Set-up ---------------------------------------------------------------------------------------------------

setup: $(VENV)/.dev  ## Install everything a contributor needs in .venv
	@echo "Ready. Next: make demo, make check, make test."

# The lock is whole, so pip has nothing to resolve (--no-deps), and every file it fetches must match its hash.
$(VENV)/.runtime: requirements.lock pyproject.toml client/pyproject.toml | $(PY)
	@echo "Installing Chartrier in $(VENV) (about a minute the first time)…"
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --quiet $(LAST_PART)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml client/pyproject.toml | $(PY)
	@echo "Installing Chartrier and its tools in $(VENV) (about a minute the first time)…"
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet $(LAST_PART)
	@touch $(VENV)/.runtime $@

$(PY):
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    if "$$python" -c 'import ensurepip' 2>/dev/null; then exec "$$python" -m venv $(VENV); fi; \
	    echo "$$python cannot make a virtual environment: apt-get install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "Chartrier needs Python 3.11 or later: install it, or say where it is with make PYTHON=…" >&2; exit 1

lock:  ## Choose the versions again and write the hashed locks (UPGRADE=--upgrade for the newest)
	@test -x $(PY) || $(MAKE) $(PY)
	@test -x $(BIN)/uv || $(PIP) install --quiet uv
	@printf 'hatchling\neditables\n' | $(UV_LOCK) pyproject.toml - --extra local -o requirements.lock
	@# The METS validator used in tests asks for one old lxml; it works with the one we need.
	@printf 'hatchling\neditables\n' | $(UV_LOCK) pyproject.toml - --extra local --extra dev -c requirements.lock \
	  --overrides <(printf 'lxml>=6.1,<7\n') -o requirements-dev.lock

# --- Servers that come from the system --------------------------------------------------------------------------

# $(call installed,program or file,Debian package): ours to install only as root on Debian or Ubuntu.
# RUNLEVEL=1 keeps the package from starting a service: we start our own, privately.
define installed
	@if ! { PATH="$$PATH:/usr/sbin:/usr/lib/rabbitmq/bin" command -v $(1) >/dev/null || test -e $(1); }; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $(2)…"; \
	    { apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	      apt-get install --yes --no-install-recommends $(2); } >$(VENV)/apt.log 2>&1 \
	      || { tail -n 5 $(VENV)/apt.log >&2; echo "$(2) could not be installed (see $(VENV)/apt.log)." >&2; exit 1; }; \
	  else \
	    echo "$(2) is missing. As root: apt-get install $(2) (its service need not run)." >&2; exit 1; \
	  fi; \
	fi
endef

broker: | $(PY)
	$(call installed,rabbitmq-server,rabbitmq-server)

antivirus: | $(PY)
	$(call installed,clamd,clamav-daemon)

promtool: | $(PY)
	$(call installed,promtool,prometheus)

# Verifies what we prove with a program that is not ours (tests/independent).
bouncycastle: | $(PY)
	$(call installed,javac,default-jdk-headless)
	$(call installed,/usr/share/java/bcpkix.jar,libbcpkix-java)

softhsm: | $(PY)
	$(call installed,softhsm2-util,softhsm2)

# --- Running ------------------------------------------------------------------------------------------------------

demo: $(VENV)/.runtime  ## See it work: set-up, start, one deposit from end to end, stop
	@$(PY) -m services.local demo

run: $(VENV)/.runtime  ## All-in-one on CHARTRIER_PORT (8000), state in CHARTRIER_HOME (.run)
	@exec $(PY) -m services all-in-one

up: $(VENV)/.runtime broker  ## Start the full stack: each room a process, PostgreSQL, RabbitMQ, S3
	@$(PY) -m services.local up

down: $(VENV)/.runtime  ## Stop the full stack; its data stay
	@$(PY) -m services.local down

status: $(VENV)/.runtime  ## Say which parts of the full stack run
	@$(PY) -m services.local status

logs: $(VENV)/.runtime  ## Follow the logs of the full stack
	@$(PY) -m services.local logs

# --- Checks -------------------------------------------------------------------------------------------------------

findings: $(VENV)/.dev  ## Write docs/findings.md again, after a change of the texts of findings
	@$(PY) -m services.ingest.findings_catalogue > docs/findings.md.new && mv docs/findings.md.new docs/findings.md

errors: $(VENV)/.dev  ## Write docs/errors.md again, after a change of what the rooms answer when they refuse
	@$(PY) -m services.problems_catalogue > docs/errors.md.new && mv docs/errors.md.new docs/errors.md

acts: $(VENV)/.dev  ## Write docs/journal-acts.md again, after a change of what the rooms write in the journals
	@$(PY) -m services.acts_catalogue > docs/journal-acts.md.new && mv docs/journal-acts.md.new docs/journal-acts.md

check: $(VENV)/.dev  ## Style, types, import contracts, house rules, manifests, licences, no secret in a file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PY) -m pytest -q tests/unit/test_house_rules.py
	@$(PY) -m pytest -q tests/deploy
	@$(PY) -m supply.licences
	@$(PY) -m supply.secret_scan

audit: $(VENV)/.dev  ## Known faults in the locked packages, when the source of advisories can be reached
	@$(PY) -m supply.audit

licences: $(VENV)/.dev  ## Write the notices of the archive's packages in dist/
	@$(PY) -m supply.licences dist/THIRD_PARTY_LICENCES.txt

sbom: $(VENV)/.dev  ## Write the bill of materials of the archive in dist/ (CycloneDX)
	@$(PY) -m supply.sbom dist/sbom.json

test: $(VENV)/.dev broker antivirus promtool bouncycastle softhsm  ## Every test, on private servers of its own
	@$(PYTEST)

unit: $(VENV)/.dev  ## Tests without any server
	@$(PYTEST) tests/unit

contracts: $(VENV)/.dev broker bouncycastle  ## Messages, schemas, suites that every implementation of a port passes
	@$(PYTEST) tests/contracts

integration: $(VENV)/.dev broker antivirus bouncycastle softhsm  ## Each room on a real PostgreSQL, RabbitMQ and S3
	@$(PYTEST) tests/integration

e2e: $(VENV)/.dev broker antivirus  ## The same story on all-in-one and on the full stack
	@$(PYTEST) tests/e2e

bench: $(VENV)/.dev broker  ## Measure against the raw baseline (ARGS="--help" for sizes)
	@$(PY) -m bench $(ARGS)

trials: $(VENV)/.dev broker  ## Long trials with crashes, results in docs/trials (ARGS="--help" for which and how long)
	@$(PY) -m trials $(ARGS)

clean:  ## Remove .venv and what the tools left; never an archive
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -d "$(CHARTRIER_HOME)" ]; then echo "The archive in $(CHARTRIER_HOME) is left as it is."; fi

.PHONY: help setup lock broker antivirus promtool bouncycastle softhsm demo run up down status logs findings errors \
	acts check audit licences sbom test unit contracts integration e2e bench trials clean
