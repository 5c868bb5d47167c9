# The menu: `make help`. Everything happens in a virtual environment of the project's own, .venv.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-environment lint format test-rust test-aarch64 test-python bench fuzz clean

help: ## show this menu
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv:
	$(PYTHON) -m venv .venv

install: .venv ## build lmac and install it into .venv
	$(BIN)/pip install --quiet .

demo: install ## install, then compress this project's README and restore it
	$(BIN)/lmac -fv README.md
	$(BIN)/lmac -dc README.md.lmac | cmp - README.md
	@echo "README.md came back unchanged from README.md.lmac."

test: test-environment lint test-rust test-python ## install what the tests need and run all of them

test-environment: .venv
	$(BIN)/pip install --quiet '.[test]'

lint: ## check the style of all code (needs `make test` or `pip install .[test]` once)
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml lmac._core

format: ## bring all code into shape
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

test-rust: ## run the tests of the core
	cargo test --release --quiet

test-aarch64: ## run the tests of the core for ARM in an emulator (what it needs: CONTRIBUTING.md)
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	cargo test --release --quiet --package lmac-core --target aarch64-unknown-linux-gnu

test-python: ## run the tests of the package
	$(BIN)/pytest --quiet

bench: install ## measure speed against the machine's; the table goes to benches/results
	$(BIN)/python benches/report.py

FUZZ_RUNS ?= 1000000

# Comparisons guide the way through headers; in the arithmetic of a coder they tell nothing, and watching them takes most of the time.
fuzz: ## run every fuzz target FUZZ_RUNS times (needs `cargo install cargo-fuzz`)
	$(MAKE) fuzz-targets TARGETS="headers decode"
	$(MAKE) fuzz-targets TARGETS="valid_prefix splices round_trip tokens" FUZZ_OPTIONS=--no-trace-compares

.PHONY: fuzz-targets
fuzz-targets:
	cd rust && for target in $(TARGETS); do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz --sanitizer none $(FUZZ_OPTIONS) $$target -- -runs=$(FUZZ_RUNS) -max_len=300 -timeout=10 || exit 1; \
	done

clean: ## delete what was built
	rm -rf .venv target dist .pytest_cache .mypy_cache .ruff_cache .hypothesis README.md.lmac
