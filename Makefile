# `make repro` and `make test` need Python >= 3.11, git and make; all else is installed into .venv.
PYTHON ?= python3
# The stages are run as `python`, so the environment's programs come first.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: setup repro test readme seeds

setup: .venv/installed .dvc/plots/page.html

repro: setup
	$(RUN) dvc repro

test: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) python -m pytest

# One experiment a seed, those that are missing; then the table over all of them, in the page too.
SEEDS ?= 0,1,2
JOBS ?= 1
seeds: repro
	$(RUN) python -m stages.seeds --run $(SEEDS) --jobs $(JOBS)
	$(RUN) dvc repro report

# The README's table, from the committed results.
readme: setup
	$(RUN) python -m stages.readme

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("error: Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.dvc/plots/page.html: .venv/installed stages/plots_page.py
	$(RUN) python -m stages.plots_page

