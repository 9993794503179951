# Everything a person types, from a bare clone. Each target makes what it needs first; a second run finds it made.
# Without make: `python install.py`, then `.venv/bin/selftune demo`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

DEMO_ARGS ?=
TEST_ARGS ?=
TEST_WORKERS ?= 2
REPORT_ARGS ?=
GROUP ?=
SHARD ?= 1/1

.DEFAULT_GOAL := help
.PHONY: help install dev-install demo demo-real test check types style coverage-statistics bench report soak clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'

install: ## make .venv and install selftune into it
	@$(PYTHON) install.py --venv $(VENV)

demo: install ## a log goes in, a better model is served, with the evidence (DEMO_ARGS=--sabotage: must be refused)
	@$(BIN)/selftune demo $(DEMO_ARGS)

demo-real: install ## the same on a real language model of 135 million parameters
	@$(BIN)/selftune demo --base smollm2 $(DEMO_ARGS)

dev-install:
	@$(PYTHON) install.py --venv $(VENV) --dev

test: dev-install ## every test (TEST_ARGS="tests/gate -x" for some, TEST_WORKERS=4 on more cores)
	@$(BIN)/python -m pytest -m "not slow" -n $(TEST_WORKERS) --dist loadgroup --no-loadscope-reorder --durations=40 --durations-min=5 $(TEST_ARGS)

check: dev-install ## lint, format, types, import contracts, docs
	@$(MAKE) --no-print-directory -j2 types style

types:
	$(BIN)/mypy
	$(BIN)/mypy install.py .ci/check_demo.py .ci/check_front_doors.py docs benchmarks

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

coverage-statistics: dev-install ## every branch of the gate's statistics is run by their own tests
	@$(BIN)/python -m coverage run --branch --source=selftune.gate.statistics -m pytest -q \
		tests/gate/statistics tests/gate/test_gate_statistics.py
	@$(BIN)/python -m coverage report --show-missing --fail-under=100

bench: dev-install ## every benchmark, its ratio last
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

report: dev-install ## the campaigns: canaries, attacks, calibration … (REPORT_ARGS="canaries" for one)
	@$(BIN)/python -m selftune.app.campaigns $(REPORT_ARGS)

soak: dev-install ## the long tests (GROUP=name picks some, SHARD=2/4 the second quarter)
	@SELFTUNE_SHARD=$(SHARD) $(BIN)/python -m pytest -m slow $(if $(GROUP),-k "$(GROUP)") $(TEST_ARGS)

clean: ## remove what was built here, the environment included; demo folders stay
	rm -rf $(VENV) build dist site src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
