# One command runs the road, one command proves it. Everything they need they set up themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PEOPLE ?= 50000
SEED   ?= 7
# One more than the 2 cores of the machine it is meant for: some tests wait for daemons.
WORKERS ?= 3

# Empty counts as unset. Without its compiled files every one of the processes that a demo or a test starts compiles the
# package again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup setup-dev setup-aws demo dev test test-fast test-aws test-more goldens image-check lint drill mutation bench-identity bench-delivery bench-truth bench-insights docs screenshots lock clean

help:
	@sed -n 's/^## //p' Makefile

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m compileall -q segment_assets segment_assets_tests
	@# pytest keeps compiled files of its own, which each of its workers would else make for itself.
	@$(BIN)/python -m pytest --collect-only -q > /dev/null || true
	@touch $@

# Stand-ins for AWS, in a venv of their own: MiniStack pins an older botocore than the project runs with.
EMULATORS := .venv-aws
$(EMULATORS)/.done: requirements-aws.lock
	$(PYTHON) -m venv $(EMULATORS)
	$(EMULATORS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-aws.lock
	@touch $@

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev
setup-aws: $(EMULATORS)/.done

## make demo        the road, end to end: clean room, audience, activation, insight (PEOPLE=50000 SEED=7)
demo: setup
	@$(BIN)/segment-assets demo --people $(PEOPLE) --seed $(SEED)

## make dev         Dagster UI and the platform sandbox, until Ctrl-C
dev: setup
	@$(BIN)/segment-assets dev

## make test        the whole proof
test: setup-dev setup-aws
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

## make test-fast   the inner loop, under a minute
test-fast: setup-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not slow"

## make test-aws    the aws world against stand-ins on loopback (MiniStack, SeaweedFS, our own), with faults
test-aws: setup-dev setup-aws
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder segment_assets_tests/aws segment_assets_tests/deploy

## make test-more   twenty times as many examples of the properties of delivery, audiences and privacy
test-more: setup-dev
	SEGMENT_ASSETS_MORE_EXAMPLES=20 SEGMENT_ASSETS_FUZZ_EXAMPLES=200 $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope \
	  --timeout=0 segment_assets_tests/delivery segment_assets_tests/audience segment_assets_tests/privacy

## make goldens     the insight SQL as DuckDB gets it, written again after a query has changed
goldens: setup-dev
	@$(BIN)/python -m segment_assets_tests.queries.goldens

## make image-check replay the image's steps in a clean environment (no image is built)
image-check:
	$(PYTHON) deploy/image/replay.py

## make lint        ruff with a wide rule set, mypy strict on the pure rooms
lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## make drill       every fault on one destination of each pattern, kill -9 on all, poisoned members (DRILL="--quick")
drill: setup-dev
	@$(BIN)/python -m segment_assets_tests.drill $(DRILL)

## make mutation    break every declared detail of each connector, one at a time: tests must turn red (DESTINATIONS="meta google")
mutation: setup-dev
	@$(BIN)/python -m segment_assets_tests.mutation $(DESTINATIONS)

## make bench-identity  normalise and hash, ours beside DuckDB, polars-hash and pandas (ROWS=5000000 REPEAT=5)
ROWS ?= 5000000
REPEAT ?= 5
bench-identity: setup-dev
	@$(BIN)/python -m segment_assets_tests.benchmarks.bench_identity --rows $(ROWS) --repeat $(REPEAT)

## make bench-delivery  changes, shaping and upload, a road to 5 audiences, one alone (MEMBERS=10000000 ROAD=100000 ALONE=1000000 REPEAT=5)
MEMBERS ?= 10000000
ROAD ?= 100000
ALONE ?= 1000000
bench-delivery: setup-dev
	@$(BIN)/python -m segment_assets_tests.benchmarks.bench_delivery --people $(MEMBERS) --road-people $(ROAD) --alone-people $(ALONE) --repeat $(REPEAT)

## make bench-truth  do 95 % intervals hold the hidden truth in 95 of 100 worlds? (SEEDS=4000)
SEEDS ?= 4000
bench-truth: setup-dev
	@$(BIN)/python -m segment_assets_tests.benchmarks.bench_truth --seeds $(SEEDS)

## make bench-insights attribution and reach beside pandas and PySpark (TOUCHPOINTS=10000000 IMPRESSIONS=100000000)
TOUCHPOINTS ?= 10000000
IMPRESSIONS ?= 100000000
bench-insights: setup-dev
	@$(BIN)/python -m segment_assets_tests.benchmarks.bench_insights --touchpoints $(TOUCHPOINTS) --impressions $(IMPRESSIONS)

## make docs        write the generated pages again (docs/identity.md, docs/destinations/, docs/data_dictionary.md, docs/aws.md)
docs: setup
	$(BIN)/python -m segment_assets.destinations.match_keys.documentation
	$(BIN)/python -m segment_assets.destinations.documentation
	$(BIN)/python -m segment_assets.worlds.documentation
	$(BIN)/python -m segment_assets.data_dictionary

## make screenshots the README's pictures, from a demo's home (HOME_FOLDER=data)
HOME_FOLDER ?= data
screenshots: setup-dev
	$(BIN)/python -m segment_assets_tests.browser.screenshots --home $(HOME_FOLDER) --into docs/images

## make lock        resolve the dependencies again (needs uv)
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q pyproject.toml requirements-build.in -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra dev -c requirements.lock pyproject.toml requirements-build.in -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q requirements-aws.in -o requirements-aws.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q -c requirements.lock deploy/image/requirements.in -o deploy/image/requirements.lock

## make clean       stop what demo and dev started, remove data/ with all that they wrote (keeps .venv)
clean:
	@if ls data/secrets/*.*.json >/dev/null 2>&1 && [ -z "$(YES)" ]; then \
	  echo "data/secrets holds tokens of platform accounts, and data/ the ledger; to remove them too: make clean YES=1"; exit 1; fi
	@if [ -x $(BIN)/segment-assets ]; then $(BIN)/segment-assets sandbox --stop; fi
	rm -rf data build .mypy_cache .ruff_cache .pytest_cache .hypothesis .tmp_dagster_home_*
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
