# Everything runs in .venv, which the first target that needs it sets up. `make help` lists the targets.

.DEFAULT_GOAL := help
.PHONY: help demo test slow check fix bench gallery clean

BIN := .venv/bin
READY := .venv/.installed
UV := uv==0.13.8

# The pythons to try, in this order; `make demo PYTHON=python3.12` names one.
PYTHON ?= python3 python3.13 python3.12 python3.11
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## train the default recipe on embedded real data (handwritten digits)
	@$(BIN)/recipelab train

test: $(READY) ## run the quick tests
	@$(BIN)/python -m pytest -q -m "not slow" -n logical --maxprocesses 8 --dist loadfile

slow: $(READY) ## run the long proofs
	@$(BIN)/python -m pytest -q -m slow

check: $(READY) ## format, lint, types, and who imports whom
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY) ## format, mend what the linter can, and write the generated parts of the docs
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python docs/generate.py

bench: $(READY) ## measure the speed on this machine
	@$(BIN)/python benchmarks/all.py

gallery: $(READY) ## run the smallest sizes of all studies and draw docs/gallery
	@$(BIN)/python docs/gallery.py

clean: ## remove the environment, builds and caches (run records stay)
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find src tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +

# uv takes seconds where pip takes minutes; where uv cannot be had or fails, pip does it.
$(READY): pyproject.toml constraints.txt
	@found=; if [ ! -x $(BIN)/python ]; then \
	  for python in $(PYTHON); do \
	    if "$$python" -c '$(USABLE)' 2>/dev/null; then found="$$python"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "error: no Python from 3.11 to 3.13 with the modules venv and ensurepip among: $(PYTHON)" >&2; \
	    echo "  install one (Debian, Ubuntu: the package python3-venv too), or name it: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  echo "setting up .venv with $$("$$found" --version)"; \
	  "$$found" -m venv --clear .venv || exit 1; \
	fi
	@echo "installing the pinned packages: about 6 GB with PyTorch's standard build, a few minutes, once"
	@$(BIN)/python -m pip install -q --disable-pip-version-check '$(UV)' \
	  && $(BIN)/python -m uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]' \
	  || { echo "that did not work with uv: trying pip"; \
	       $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'; }
	@touch $@
