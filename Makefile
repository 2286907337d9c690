# `make repro` and `make test` need Python >= 3.11, git and make; all else is installed into .venv.
PYTHON ?= python3
# The stages are run as `python`, so the environment's programs come first.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
# A killed DVC leaves files on which every later one fails.
MEND := @$(RUN) python -m stages.mend

.PHONY: setup repro latency study clean check test readme

setup: .venv/installed .dvc/plots/page.html

repro: setup
	$(MEND)
	$(RUN) dvc repro

# The committed times are those of the machine they name: this measures on the one at hand.
latency: repro
	$(RUN) dvc repro --force --single-item latency
	$(RUN) dvc repro report

# Everything for several seeds, as DVC experiments; leaves studies/<name>/.
PARAMS ?= params.yaml
SEEDS ?= 0,1,2
JOBS ?= 1
study: setup
	$(MEND)
	$(RUN) python -m stages.study --params $(PARAMS) --seeds $(SEEDS) --jobs $(JOBS) $(if $(NAME),--name $(NAME))

# The progress and the unfinished outputs of killed runs; no results.
clean:
	@$(RUN) $(PYTHON) -m stages.mend --clean

# What is fast: the linter and all tests but those that run the pipeline.
check: .venv/tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) python -m pytest -m "not slow"

test: setup .venv/tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) python -m pytest

# The README's figures, from the committed results.
readme: setup
	$(RUN) python -m stages.readme

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("error: Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@git rev-parse --git-dir > /dev/null 2>&1 || { echo "error: not a git repository; DVC needs one: git clone the project, a downloaded archive is not enough" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tests: .venv/installed requirements-dev.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.dvc/plots/page.html: .venv/installed stages/plots_page.py
	$(RUN) python -m stages.plots_page
