# `make` lists the targets. PYTHON chooses the interpreter, VENV the environment.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Several hundred processes start in a run, and would each compile the project.
unexport PYTHONDONTWRITEBYTECODE
# a skipped test proves nothing, so outside `make test` it counts as failed
FULL = --fail-on-skip
# One file's tests run in one process. Most tests wait for what they started, so that more of them
# run at a time than there are cores. The order is that of tests/conftest.py.
PARALLEL = --max-worker-restart 0 --dist loadfile --no-loadscope-reorder -n
# Unit tests that convert, calibrate or quantize models, or measure a decoder's memory: two minutes.
# `make test` leaves them to `make coverage`; its end-to-end tests convert a model, too.
MODELS = $(filter-out $(wildcard tests/unit/worker/inference/test_micro_batcher*.py) \
	%/test_fair_scheduler.py, $(wildcard tests/unit/worker/inference/test_*.py)) tests/unit/worker/test_quantize.py \
	tests/unit/worker/test_calibrate.py tests/unit/worker/imaging/test_limits.py \
	tests/unit/worker/imaging/test_memory.py
# lines of the code that unit tests reach; a lower figure fails
COVERAGE = --cov=api --cov=worker --cov=shared --cov=image_classifier_client --cov-report=term:skip-covered

.PHONY: help serve test coverage test-full test-services test-root test-docker test-browser hostile fuzz lock audit sbom chaos overload bench bench-quick gpu-wheels gpu-check check format screenshots openapi install-dev clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

serve: ## install what is missing, then run Redis, worker and api here until Ctrl-C
	@$(PYTHON) -m scripts.install serve --venv $(VENV)
	@exec $(BIN)/python serve.py

test: install-dev ## unit, integration and end-to-end tests: no root, Docker or browser
	$(BIN)/python -m pytest $(PARALLEL) 7 tests/e2e tests/integration tests/unit $(MODELS:%=--ignore=%)

test-full: coverage test-services test-root test-docker test-browser hostile ## the six targets below: what takes longer or needs more than Python; a skip fails

coverage: install-dev ## all unit tests, those that convert models too; the lines that they reach
	$(BIN)/python -m pytest $(FULL) $(PARALLEL) 2 $(COVERAGE) tests/unit

test-services: install-dev ## with Prometheus, haproxy, nginx and other HTTP clients; load, agreement with torch, manifests
	$(BIN)/python -m pytest $(FULL) $(PARALLEL) 2 tests/proxies tests/load tests/clients tests/monitoring tests/agreement tests/failover tests/kubernetes tests/tls

test-root: install-dev ## with root and iproute2: a minute of chaos, a fleet in network namespaces
	$(BIN)/python -m pytest $(FULL) tests/chaos/test_smoke.py tests/fleet

test-docker: install-dev ## with Docker: build, start, classify, scale, look inside
	$(BIN)/python -m pytest $(FULL) tests/compose

test-browser: install-dev ## with Chromium and nginx: the page
	$(BIN)/python -m pytest $(FULL) tests/browser

hostile: install-dev ## hostile images and requests against a running service; a minute of fuzzing
	$(BIN)/python -m pytest $(FULL) tests/hostile/test_corpus.py
	$(BIN)/python -m pytest $(FULL) $(PARALLEL) 2 tests/hostile tests/fuzz --ignore tests/hostile/test_corpus.py

FUZZ_S ?= 300
fuzz: install-dev ## fuzz the decoder, forms, JSON, headers and requests: FUZZ_S seconds each
	for target in decoder structure multipart json_photo headers; do \
		$(BIN)/python -m tests.fuzz.run $$target -max_total_time=$(FUZZ_S) || exit; done
	FUZZ_S=$(FUZZ_S) $(BIN)/python -m pytest $(FULL) tests/hostile/test_described.py

LOCKS = requirements-dev.lock worker/requirements-torch.lock
lock: install-dev ## choose versions again from requirements*.txt, with hashes; UPGRADE=1 takes the newest
	$(BIN)/python -m scripts.install.lock $(UPGRADE:%=--upgrade)

audit: install-dev ## known vulnerabilities of the locked packages, from PyPI's advisories
	$(BIN)/pip-audit --strict --disable-pip --require-hashes $(LOCKS:%=-r %)

# relative URLs: any index with these hashes works
sbom: install-dev ## list the locked packages (of images built with TORCH_INDEX=) as CycloneDX in sbom/
	mkdir -p sbom
	$(BIN)/cyclonedx-py requirements api/requirements.lock --index-url simple -o sbom/api.cdx.json
	cat worker/requirements.lock worker/requirements-torch.lock | \
		$(BIN)/cyclonedx-py requirements - --index-url simple -o sbom/worker.cdx.json

SEED ?= 1
chaos: install-dev ## break every part under load; SEED=2 makes other choices; needs root
	SEED=$(SEED) $(BIN)/python -m pytest $(FULL) -n 2 --maxschedchunk 1 -v tests/chaos --ignore tests/chaos/test_smoke.py

overload: install-dev ## four times as many requests as the service can answer, for two minutes
	$(BIN)/python -m benchmarks.overload

bench: install-dev ## install the peers, then measure all of them side by side; PHOTOS= is a folder
	$(BIN)/python -m benchmarks.run $(PHOTOS:%=--photos %)

bench-quick: install-dev ## this service, plain FastAPI and the limit, in four minutes
	$(BIN)/python -m benchmarks.run --quick --rounds 2 --seconds 2 $(PHOTOS:%=--photos %)

gpu-wheels: install-dev ## gather what gpu-check installs without a network, into .gpu/wheels
	$(BIN)/python -m benchmarks.gpu.wheels .gpu/wheels

gpu-check: ## check and measure one NVIDIA GPU, 10 minutes, no network; PYTHON has torch on CUDA
	$(PYTHON) -m venv --system-site-packages .gpu/venv
	.gpu/venv/bin/python -m pip install --quiet --no-index --no-deps .gpu/wheels/*.whl
	.gpu/venv/bin/python -m benchmarks.gpu $(DEVICE:%=--device %)

screenshots: install-dev ## screenshots of the page in screenshots/; needs Chromium
	$(BIN)/python -m scripts.checks.screenshots

check: install-dev ## lint, format, types, import rules, openapi.json, Kubernetes manifests, words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy serve.py scripts benchmarks
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.checks.openapi --check
	$(BIN)/python -m scripts.checks.manifests
	$(BIN)/python -m scripts.checks.words

format: install-dev ## correct what ruff can correct
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: install-dev ## write openapi.json
	$(BIN)/python -m scripts.checks.openapi

install-dev:
	@$(PYTHON) -m scripts.install dev --venv $(VENV)

clean: ## remove the environment, local data and caches; downloaded weights stay in MODEL_CACHE
	rm -rf $(VENV) .run .fuzz .mypy_cache .bench .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
