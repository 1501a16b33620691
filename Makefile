# `make demo` and `make test` set up everything they need in .venv; nothing global is touched.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is made when a module is first imported: compiling all of 20,000 files takes longer than installing them.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: demo test check docs format wheel clean

demo: .venv/.core
	$(BIN)/got-ocr read examples/documents/letter-scan.jpg

test: .venv/.dev
	# Two processes with one thread each take half as long as one process with two.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py
	$(BIN)/python docs/make_api.py --check

docs: .venv/.dev
	$(BIN)/python docs/make_api.py

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv/.dev
	$(BIN)/python -m build --wheel

.venv/.core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

.venv/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	# The constraints are all that [dev] needs, so there is nothing to resolve, which takes longer than installing.
	$(PIP) --no-deps -r constraints.txt
	$(PIP) --no-deps -e .
	$(BIN)/python -m pip check
	touch $@ .venv/.core

clean:
	rm -rf .venv dist build
