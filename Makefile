# make demo   runs the product on this machine, without hardware
# make test   runs every check and test
# make wheel  builds the wheel into dist/
# All of them set themselves up in .venv/ first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check setup wheel clean

demo: $(VENV)/.ready
	$(BIN)/k230 demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m tools.check
	$(BIN)/python -m pytest

check: $(VENV)/.ready-dev
	$(BIN)/python -m tools.check

setup: $(VENV)/.ready-dev

wheel: | $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sim]'
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	# Without its dependencies: it asks for another build of OpenCV, which would replace ours.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps python-sscma==0.5.7
	tools/system.sh
	touch $@

clean:
	rm -rf $(VENV)
