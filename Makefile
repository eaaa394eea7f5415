# The two commands of the README are `make chat` and `make test`; each does all that it needs on a fresh machine.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 7860
BIN := $(VENV)/bin

.PHONY: install chat test check browser-test bench screenshots clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

chat: install
	$(BIN)/briefqa build corpus --index index
	$(BIN)/briefqa chat --index index --port $(PORT)

test: $(VENV)/.installed-test-llm
	$(BIN)/python -m pytest -m 'not browser' -n 2 --dist loadfile

# A language model to test against, 272 MB: not for those who only want the chat.
$(VENV)/.installed-test-llm: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,test-llm]'
	touch $@

browser-test: install
	$(BIN)/python -m pytest -m browser

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Prints a table and writes docs/performance.md; an hour or so, most of it for a million chunks.
bench: install
	$(BIN)/python benchmarks/performance.py
	$(BIN)/python benchmarks/chat.py

screenshots: install
	$(BIN)/python benchmarks/screenshots.py

clean:
	rm -rf $(VENV) index/briefqa.db* index/embedded.db* index/vectors-* .mypy_cache .ruff_cache .pytest_cache .hypothesis
