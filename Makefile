# The verbs of this project. All that they need is python3; ARGS goes on to the command behind them.

PYTHON ?= python3
ARGS ?=
SETUP = $(PYTHON) scripts/setup.py --extra offline

.PHONY: help setup demo talk test check bench docs

help:  ## list these verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup:  ## make .venv ready: .venv/bin/voice-assistant
	@$(SETUP)

demo: setup  ## see and hear a conversation of three turns: no key, no network, no microphone
	@.venv/bin/voice-assistant demo $(ARGS)

talk: setup  ## talk, hands-free or with a push-to-talk key
	@.venv/bin/voice-assistant talk $(ARGS)

test:  ## run every test that this machine can run
	@$(SETUP) --extra neural --extra wake --group test
	@.venv/bin/python -m pytest $(ARGS)

check:  ## formatting, lint, types, and who may import whom
	@$(SETUP) --group test --group check
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/unit/test_imports.py

bench:  ## measure, a table each
	@$(SETUP) --group test
	@.venv/bin/python -m benchmarks $(ARGS)

docs:  ## bring config.toml and the docs up to the code
	@$(SETUP)
	@.venv/bin/python -m scripts.docs
