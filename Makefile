# Every target sets up what it needs; a second run starts at once.
.PHONY: help demo test check facts format pictures bench bench-quick drill drill-quick trial clean
.DEFAULT_GOAL := help

BOOTSTRAP := @scripts/bootstrap
BIN := .venv/bin

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: ## start a service, submit real files, show their jobs and verdicts (KEEP=1: leave it running)
	$(BOOTSTRAP)
	@$(BIN)/samplebank demo

test: ## run all tests
	$(BOOTSTRAP)
	@scripts/test

check: ## formatting, lint, types, import rules, the files in deploy/
	$(BOOTSTRAP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/facts.py
	$(BIN)/python scripts/deployment.py

facts: ## the lengths, places and words that readers of the code feel, each with its aim
	$(BOOTSTRAP)
	@$(BIN)/python scripts/facts.py

format: ## put all code into the project's format
	$(BOOTSTRAP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pictures: ## take the pictures of docs/pages.md anew, in a browser (PAGES="today sample": these alone)
	$(BOOTSTRAP)
	@PYTHONPATH=tests $(BIN)/python scripts/pictures.py $(PAGES)

bench: ## measure the figures of docs/performance.md on this machine; takes about an hour
	$(BOOTSTRAP)
	@$(BIN)/python -m bench

bench-quick: ## the same with smaller sizes and fewer runs, as far as three minutes reach
	$(BOOTSTRAP)
	@$(BIN)/python -m bench --quick

drill: ## break what machines break and tenants try, all rounds of it; takes more than an hour
	$(BOOTSTRAP)
	@$(BIN)/python -m drill --full

drill-quick: ## the same with fewer rounds, in under five minutes
	$(BOOTSTRAP)
	@$(BIN)/python -m drill

trial: ## run all workers over the files of public packages: false positives, labelled files, speed
	$(BOOTSTRAP)
	@$(BIN)/python -m trial

clean: ## remove what the other targets made
	@pid=$$(head -n 1 demo-data/postgres/data/postmaster.pid 2>/dev/null) && kill -0 "$$pid" 2>/dev/null && \
		echo "A service still runs in demo-data/: stop it first, with the kill PID that KEEP=1 make demo told." >&2 && exit 1; true
	rm -rf .venv .tools demo-data trial-data dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench drill trial scripts -name __pycache__ -type d -prune -exec rm -rf {} +
