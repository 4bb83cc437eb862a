# make demo   runs the product on this machine, without hardware
# make test   runs every check and test
# make quick  runs the fast tests of every room, in under a minute
# make check  runs every check: rooms, format, lint, types, the board's dialect
# make coverage  runs the tests that stay in one process, and lists the lines that none reaches
# make docs   serves the documentation, says where, and builds it again at each change
# make pictures  makes the pictures of README and docs again, from a virtual board (docs/pictures);
#                needs a quiet PC, and says so when it is not
# make wheel  builds the wheel into dist/
# Each target first installs what it needs into .venv/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One process per core; each stays with one file if possible, because a file's tests share boards.
SIDE_BY_SIDE := -n auto --dist worksteal
# Failed tests run once more alone, when the machine is quiet. The first report stays visible: fix a test
# that needs this.
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m "not alone"

.PHONY: demo test quick check coverage docs pictures setup wheel clean

demo: $(VENV)/.ready
	$(BIN)/k230 demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m tools.check
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not alone" || $(AGAIN)
	$(BIN)/python -m pytest -m alone

quick: $(VENV)/.ready-dev
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m quick

coverage: $(VENV)/.ready-dev
	$(BIN)/python -m coverage run -m pytest -m quick
	$(BIN)/python -m coverage report

check: $(VENV)/.ready-dev
	$(BIN)/python -m tools.check

docs: $(VENV)/.ready-dev
	$(BIN)/python -m tools.site.serve

pictures: $(VENV)/.ready-dev
	$(BIN)/python -m tools.task_pictures
	$(BIN)/python -m tools.dashboard_pictures

setup: $(VENV)/.ready-dev

wheel: | $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[hub,sim]'
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	# Without its dependencies: it asks for another build of OpenCV, which would replace ours.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps python-sscma==0.5.7
	# The same: it asks for opencv-python. benchmarks.events compares with it.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps trackers==2.6.0
	tools/system.sh
	touch $@

clean:
	rm -rf $(VENV)
