# Everything a newcomer types: make demo, make test. Neither installs again while pyproject.toml is unchanged.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
TEST_EXTRAS := test,privacy,curvature,cluster,hub,onnx,tracking,lightning,search,structured,analog

.PHONY: demo test lint check clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.done: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test.done: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$(TEST_EXTRAS)]"
	touch $@ $(VENV)/demo.done

demo: $(VENV)/demo.done
	$(BIN)/disparate audit demo --store demo

lint: $(VENV)/test.done
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/pyright
	$(BIN)/lint-imports

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile

clean:
	rm -rf $(VENV) demo runs
