# The menu: `make help`. Everything happens in a virtual environment of the project's own, .venv.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-environment lint test-rust test-python test-lab format test-aarch64 bench fuzz clean

help: ## show this menu
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv:
	$(PYTHON) -m venv .venv

install: .venv ## build lmac and install it into .venv
	@echo "Building lmac and installing it into .venv: one to three minutes, most of them for the Rust core."
	$(BIN)/pip install .

demo: install ## install, then compress this project's README and restore it
	@echo "Compressing README.md and restoring it."
	$(BIN)/lmac -fv README.md
	$(BIN)/lmac -dc README.md.lmac | cmp - README.md
	@echo "README.md came back unchanged from README.md.lmac."

test: test-environment lint test-rust test-python ## install what the tests need and run all of them
	@echo "All tests passed. Those of the laboratory, which need PyTorch (4 GB), are in make test-lab."

test-environment: .venv
	@echo "Building lmac and installing it and what the tests need into .venv: one to three minutes."
	$(BIN)/pip install '.[test]'

lint: ## check the style of all code (needs `make test` or `pip install .[test]` once)
	@echo "Formatting, lints, types: two minutes."
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest --mypy-config-file pyproject.toml lmac._core

test-rust: ## run the tests of the core
	@echo "Building and running the tests of the core: three to five minutes."
	cargo test --profile tests -- --quiet

test-python: ## run the tests of the package
	@echo "The tests of the package: four minutes."
	$(BIN)/pytest --quiet

# The requirements alone, since `pip install '.[lab]'` would build lmac again.
test-lab: test-environment ## run the tests of the laboratory and of benches (installs PyTorch: 4 GB)
	@echo "Installing the laboratory's packages, PyTorch among them, into .venv: one or two minutes, 4 GB."
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["lab"], sep="\n")' | $(BIN)/pip install -r /dev/stdin
	$(BIN)/python -c 'import matplotlib, onnxscript, torch, transformers'
	@echo "The tests of the laboratory and of benches: four to seven minutes."
	$(BIN)/pytest --quiet -m "lab and not slow"

format: ## bring all code into shape
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

test-aarch64: ## run the tests of the core for ARM in an emulator (what it needs: CONTRIBUTING.md)
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	cargo test --release --quiet --package lmac-core --target aarch64-unknown-linux-gnu

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
