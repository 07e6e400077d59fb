# `make quickstart` draws a first picture, `make demo` shows the main job, `make test` proves it.
# They work on a fresh machine with Python, git and make.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# without its cache of bytecode, every process compiles the modules of torch anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart demo docs test check types-linux types-win32 types-darwin fuzz reproduce-smoke install clean

# from a fresh checkout to the first picture, without training
quickstart: $(VENV)/.installed
	$(BIN)/seatbelt-vae demo --quick

demo: $(VENV)/.installed
	$(BIN)/seatbelt-vae demo

test: $(VENV)/.installed-test check
	$(BIN)/pytest -n 2 --dist worksteal

# every figure and table of the paper once, at sizes of no meaning; the tests run it too
reproduce-smoke: $(VENV)/.installed-test
	$(BIN)/seatbelt-vae reproduce all --size smoke

# the site: docs/_build/html/index.html; a warning is an error
docs: $(VENV)/.installed-test
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

# damaged data, settings, rows and queries, each kind for FUZZ_SECONDS (default 30)
fuzz: $(VENV)/.installed-test
	$(BIN)/pytest -m fuzz tests/fuzz

check: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(MAKE) --jobs 2 types-linux types-win32 types-darwin

types-linux:
	$(BIN)/mypy

# one cache per system: mypy discards a cache of another one
types-win32 types-darwin: types-%:
	$(BIN)/mypy --config-file .ci/mypy-platforms.ini --cache-dir .mypy_cache/$* --platform $* src

install: $(VENV)/.installed

# torch first and alone: pinned, so that no CUDA build is pulled in by another requirement.
# --no-compile: a module is compiled at its first import; most of torch is never imported
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
