# make report | catalogue | test | lint | types | wheel | notebooks | bench | clean; set-up happens once, by itself.
VENV := .venv
PYTHON := $(VENV)/bin/python
MIRROR := $(wildcard ../shared/data)
ifneq ($(MIRROR),)
export BAYES_SCALING_DATA ?= $(abspath $(MIRROR))
endif

# a process per processor; files stay whole, so that what their tests share is made once
PARALLEL := -n auto --dist loadfile

.PHONY: report catalogue test test-fast lint types wheel notebooks bench clean setup

report: $(VENV)/.installed
	$(VENV)/bin/bayes-scaling report --refit --quiet -o reports/report.html

catalogue: $(VENV)/.installed
	$(VENV)/bin/bayes-scaling catalogue $(FLAGS) -o reports/catalogue.html

test: $(VENV)/.installed-dev
	$(PYTHON) -m pytest $(PARALLEL)

test-fast: $(VENV)/.installed-dev
	$(PYTHON) -m pytest $(PARALLEL) -m "not real and not statistical"

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.installed-dev
	$(VENV)/bin/mypy

wheel: $(VENV)/.installed-dev
	$(PYTHON) -m build --wheel --outdir dist .

notebooks: $(VENV)/.installed-dev
	$(PYTHON) -m tests.run_notebooks

bench: $(VENV)/.installed-dev
	$(PYTHON) -m benchmarks.speed

setup: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml constraints.txt scripts/setup.sh
	sh scripts/setup.sh $(VENV)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
