# Two commands: `make demo` and `make test`. Both set up everything first; a second run finds it done.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
# With --target uv lands in .uv/bin as well.
UV := .uv/bin/uv
# Stamps are written last, so an interrupted set-up is simply done again.
UV_STAMP := .uv/.ready-$(UV_VERSION)
STAMP := .venv/.ready
NOTEBOOKS_STAMP := data/local/notebooks/.ready

.PHONY: help setup demo test lint lock lab docs bench audit sbom dist clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   set up, run the whole product on embedded defaults, say where to look"
	@echo "make test   set up, lint, type-check and run every test"
	@echo "make lab    JupyterLab with the notebooks, on what the demo left or on VIGIL_HOME"
	@echo "make docs   build the documentation into data/local/site, strictly"
	@echo "make bench  run a benchmark and keep its result: make bench NAME=\"logs --repeat 3\""
	@echo "make dist   build wheel and sdist into dist"
	@echo "make audit  look for known vulnerabilities in the locked packages"
	@echo "make sbom   write a bill of materials (CycloneDX) to data/local/sbom.json"
	@echo "make setup  only set up the environment in .venv"
	@echo "make flink  set up Apache Flink's environment in .flink (850 MB; needs java and mvn)"
	@echo "make lock   refresh requirements.lock from pyproject.toml"
	@echo "make clean  remove the environment and everything that ran (data/local)"

setup: $(STAMP)

# uv comes from the package index into a folder of its own. Some distributions ship a Python without
# ensurepip; there pip, when present, installs into a plain folder instead.
$(UV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "vigil needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@rm -rf .uv
	@echo "==> installing uv $(UV_VERSION)"
	@if $(PYTHON) -m venv .uv >/dev/null 2>&1; then .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	  else rm -rf .uv && $(PYTHON) -m pip install --quiet --target .uv uv==$(UV_VERSION); fi || \
	  { echo "this Python has neither venv nor pip: install them (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

$(STAMP): $(UV_STAMP) requirements.lock pyproject.toml
	@echo "==> installing the locked environment into .venv (a few minutes the first time)"
	@[ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || { rm -rf .venv; $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv; }
	@VIRTUAL_ENV=.venv $(UV) pip sync --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m vigil.detect.warm
	@$(BIN)/python -m vigil.logs.warm
	@$(BIN)/python -m vigil.events.otlp.warm
	@$(BIN)/python -c 'import vigil.stores.kafka_columns'
	@touch $@

# Flink pins older releases of numpy and pyarrow, so it has an environment of its own, which sees
# the code here through a path file. What its cluster needs beside its own jars goes where they are.
FLINK_LOCK := vigil/stream/flink/requirements.lock
FLINK_STAMP := .flink/.ready

flink: $(FLINK_STAMP)

$(FLINK_STAMP): $(UV_STAMP) $(FLINK_LOCK) vigil/servers/flink.pom.xml
	@echo "==> installing Apache Flink into .flink"
	@[ -x .flink/bin/python ] || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .flink
	@VIRTUAL_ENV=.flink $(UV) pip sync --quiet --require-hashes $(FLINK_LOCK)
	@site=$$(.flink/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  pwd > $$site/vigil.pth && cp $$site/pyflink/opt/flink-python-*.jar $$site/pyflink/lib/ && \
	  mvn -q -B -f vigil/servers/flink.pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$$site/pyflink/lib
	@touch $@

demo: $(STAMP)
	@$(BIN)/vigil demo

test: $(STAMP) lint
	@$(BIN)/dagster definitions validate --workspace workspace.yaml --log-level warning
	@$(BIN)/python -m pytest

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# What the demo left, unless VIGIL_HOME names something else.
DEMO_HOME := $(CURDIR)/data/local/demo

# In a container one is root, which Jupyter wants to be told.
lab: $(STAMP)
	@VIGIL_HOME="$${VIGIL_HOME:-$(DEMO_HOME)}" $(BIN)/jupyter lab $$([ "$$(id -u)" != 0 ] || echo --allow-root) notebooks

docs: $(STAMP) $(NOTEBOOKS_STAMP)
	@$(BIN)/mkdocs build --strict --quiet
	@echo "documentation: data/local/site/index.html"

$(NOTEBOOKS_STAMP): $(STAMP) $(wildcard notebooks/*.ipynb) tools/notebook_pages.py
	@echo "==> running the notebooks on two days of simulated traffic"
	@$(BIN)/python tools/notebook_pages.py
	@touch $@

# Runs `vigil bench` with these words and keeps the result for the page of benchmarks.
NAME ?= logs

bench: $(STAMP)
	@$(BIN)/python tools/bench_record.py $(NAME)

dist: $(UV_STAMP)
	@rm -rf dist && $(UV) build --quiet && ls dist

audit: $(UV_STAMP)
	@$(UV) tool run --quiet pip-audit --disable-pip --require-hashes --requirement requirements.lock

sbom: $(STAMP)
	@mkdir -p data/local
	@$(UV) tool run --quiet --from cyclonedx-bom cyclonedx-py environment $(BIN)/python --output-file data/local/sbom.json
	@echo "bill of materials: data/local/sbom.json"

# No index address is written into the lock, so that it also works behind a mirror.
lock: $(UV_STAMP)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(FLINK_LOCK:.lock=.in) --output-file $(FLINK_LOCK)

clean:
	@[ ! -x $(BIN)/vigil ] || $(BIN)/vigil down || true
	rm -rf .venv .uv .flink data/local
