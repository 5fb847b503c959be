# Every target starts from a fresh clone: it checks the tools, makes .venv, installs what it needs, builds, runs.
# `make help` lists them. PYTHON=python3.13 chooses the interpreter, DATABASE_URL the demo's database,
# PYTEST_ARGS="-k copy -x" what pytest gets in addition.

PYTHON ?= python3
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/sh

# Clippy, tests and extension share one profile, so that a dependency is compiled once; pyo3 must see one Python.
CARGO_FLAGS := --profile ci --workspace --locked
FUZZ_SECONDS ?= 120
FUZZ_TARGET = $(shell rustc -vV | sed -n 's/^host: //p')
# What `cargo fuzz` sets: coverage for libFuzzer, and AddressSanitizer. Both are unstable options of a stable compiler.
FUZZ_FLAGS := -Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test faults fuzz bench lint format clean toolchain packages extension extension-release
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.stamp-demo extension  ## one workflow on 336,776 real flights, into SQLite or $DATABASE_URL
	@$(BIN)/dataflow demo

test: packages $(VENV)/.stamp-test $(VENV)/.stamp-lint  ## all tests, on private PostgreSQL 15 and 18, MariaDB and SQLite
	$(call timed,cargo test,cargo test $(CARGO_FLAGS))
	@$(MAKE) --no-print-directory extension
	$(call timed,pytest,$(BIN)/pytest $(PYTEST_ARGS))

faults: packages $(VENV)/.stamp-test $(VENV)/.stamp-lint extension  ## the fault tests in full size
	$(call timed,faults,$(BIN)/pytest tests/faults --faults=full --timeout=3600 $(PYTEST_ARGS))

fuzz:  ## random bytes for the parsers of filters, pipelines and cursors, two minutes each; FUZZ_SECONDS=3600 for more
	@cd rust/fuzz && RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(FUZZ_FLAGS)" \
		cargo build --release --bins --locked --target $(FUZZ_TARGET) --target-dir $(CURDIR)/target/fuzz
	@for target in filter pipeline cursor; do \
		mkdir -p target/fuzz/corpus/$$target target/fuzz/crashes; \
		echo "==> fuzz: $$target"; \
		target/fuzz/$(FUZZ_TARGET)/release/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix=target/fuzz/crashes/$$target- target/fuzz/corpus/$$target || exit $$?; \
	done

bench: packages $(VENV)/.stamp-test $(VENV)/.stamp-bench extension-release  ## benchmarks, on a release build; JOB=W1 for one
	$(call timed,benches,$(BIN)/pytest benches --timeout=0 -s $(if $(JOB),-k $(JOB)) $(PYTEST_ARGS))

lint: $(VENV)/.stamp-lint $(VENV)/.stamp-test  ## formats, lints and types of Python and Rust
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cargo fmt --all --check
	$(call timed,clippy,cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings)
	@$(MAKE) --no-print-directory extension
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python -m mypy.stubtest dataflow._core

format: $(VENV)/.stamp-lint  ## rewrite Python and Rust in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --all

clean:  ## remove everything that was built, .venv included
	rm -rf $(VENV) target dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks python/dataflow/_core*.so
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on ------------------------------------------------------------------------------------

# The time of a build is part of its output: the cold one must stay bearable.
timed = @start=$$(date +%s); echo "==> $(1)"; $(2) || exit $$?; echo "==> $(1): $$(($$(date +%s) - start)) s"

extension: $(VENV)/.stamp-build
	$(call timed,extension (profile ci),$(BIN)/maturin develop --profile ci --locked --extras cli)

extension-release: $(VENV)/.stamp-build
	$(call timed,extension (profile release),$(BIN)/maturin develop --release --locked --extras cli)

packages: | toolchain
	@$(PYTHON) tests/servers/packages.py --servers

python_ok = $(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)
rustc_version = $(shell rustc --version 2>/dev/null | cut -d' ' -f2)
rustc_ok = $(shell printf '%s\n' 1.94 "$(rustc_version)" | sort -VC && echo True)

toolchain:
	@$(if $(filter True,$(python_ok)),,$(error DataFlow needs Python 3.11 or newer, but $(PYTHON) is $(or $(shell $(PYTHON) --version 2>/dev/null),missing)))
	@$(if $(filter True,$(rustc_ok)),,$(error DataFlow needs Rust 1.94 or newer, but rustc is $(or $(rustc_version),missing)))

# pip 25.1 is the first that installs dependency groups.
$(VENV)/.stamp-pip: | toolchain
	@$(PYTHON) tests/servers/packages.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

# One stamp a dependency group; a changed pyproject.toml installs it again.
$(VENV)/.stamp-%: pyproject.toml $(VENV)/.stamp-pip | toolchain
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@
.PRECIOUS: $(VENV)/.stamp-%
