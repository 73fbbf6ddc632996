# Each target sets itself up: a .venv in the clone, everything from pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
PHOTOS ?=

.PHONY: setup fmt lint types test mutate bench gpu-check docs demo clean

setup: .venv/.ready

.venv/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini

test: setup
	$(BIN)/python -m pytest -n 2 $(ARGS)

mutate: setup
	$(BIN)/python benchmarks/mutate.py $(MODULE) $(ARGS)

bench: setup
	$(BIN)/python benchmarks/speed.py $(if $(PHOTOS),"$(PHOTOS)",../shared/data/dev/photos)

gpu-check: setup
	$(BIN)/python benchmarks/gpu_check.py $(ARGS)

docs: setup
	$(BIN)/python docs/make_commands.py

demo: setup
	$(BIN)/dupfind demo --folder .demo $(if $(PHOTOS),"$(patsubst ~/%,$(HOME)/%,$(PHOTOS))")

clean:
	rm -rf .venv .demo build dist *.egg-info
