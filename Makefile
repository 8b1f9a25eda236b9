# Every target sets up what it needs in .venv the first time, and uses it again afterwards. What audits the AWS graph
# cannot share an environment with Pulumi, and has .venv-audit.
PYTHON ?= python3
VENV := .venv
AUDIT := .venv-audit
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help demo test check floors bench docs clean

help:
	@echo "make demo    a real embedding API whose POSTs become cacheable, and what Pulumi would create on AWS and GCP"
	@echo "make test    the test suite, with coverage"
	@echo "make check   lint, types, docs, examples, package, oldest supported dependencies"
	@echo "make bench   what keys, edge and gateway save and cost, as ratios"
	@echo "make docs    the documentation, built into site/"
	@echo "make clean   remove everything that make made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 2; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed. On Debian and Ubuntu: apt install python3-venv"; exit 2; }

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) (once; the cloud SDKs are large, so it takes a minute or three) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing what tests and checks need into $(VENV) (once; the cloud SDKs are large, so it takes a minute or three) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(AUDIT)/.ready: tests/audit/requirements.txt | $(BIN)/python
	@echo "Installing checkov and parliament into $(AUDIT) (once; about a minute) ..."
	@rm -rf $(AUDIT) && $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/inference-edge-cache demo

test: $(VENV)/.dev $(AUDIT)/.ready
	@$(BIN)/python -m coverage erase
	@INFERENCE_EDGE_CACHE_AUDIT=required $(BIN)/python -m coverage run -m pytest --numprocesses auto --dist loadfile
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

check: $(VENV)/.dev floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python scripts/snippets.py build/snippets
	$(BIN)/basedpyright
	$(BIN)/python scripts/capability_table.py --check docs/provider-mapping.md
	$(BIN)/python scripts/cost_table.py --check docs/costs.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	rm -rf dist && $(BIN)/python -m build --outdir dist . >/dev/null && $(BIN)/twine check --strict dist/*

# The oldest versions that pyproject.toml allows still resolve together and import.
floors: $(VENV)/.floors
$(VENV)/.floors: pyproject.toml scripts/floors.py | $(VENV)/.dev
	@echo "Resolving and importing at the oldest versions that pyproject.toml allows ..."
	@rm -rf $(VENV)/floors && $(PYTHON) -m venv $(VENV)/floors
	@$(BIN)/python scripts/floors.py > $(VENV)/floors.txt
	@$(VENV)/floors/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/floors.txt --editable '.[all]'
	@$(VENV)/floors/bin/python -W ignore scripts/import_all.py
	@touch $@

bench: $(VENV)/.dev
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

clean:
	rm -rf $(VENV) $(AUDIT) dist build site .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis
