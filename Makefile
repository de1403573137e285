SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

.PHONY: help run test lint fmt unit interop deps bench bench-peers demo fuzz-smoke fuzz clean need-cargo

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: need-cargo ## Build and start the server on port 4000 (embedded defaults, data in ./data)
	@cargo run --release --bin tagalong

test: need-cargo lint unit interop deps fuzz-smoke ## Run everything
	@echo "all passed"

lint: need-cargo ## Check the format, the lints and the documentation
	@echo "== format, lints, documentation"
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

fmt: need-cargo ## Format the code
	@cargo fmt --all

unit: need-cargo ## Run the Rust tests
	@echo "== Rust tests"
	cargo test --workspace --quiet

interop: need-cargo ## Run the official phoenix client, two versions, against the real binary
	@echo "== official phoenix clients"
	command -v npm >/dev/null || { echo "Node 20 with npm is needed: install Debian's nodejs and npm, or a newer Node" >&2; exit 1; }
	cargo build --quiet --bin tagalong
	cd tests/interop
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund
	node --test

deps: need-cargo ## Check licences, sources and unused dependencies
	@echo "== dependencies"
	command -v cargo-machete >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-machete@0.9.2
	command -v cargo-deny >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2
	cargo machete
	cargo deny --log-level error check licenses bans sources

bench: need-cargo ## Run the micro-benchmarks
	@cargo bench --workspace

LOADTEST := target/release/tagalong-loadtest

bench-peers: need-cargo ## Measure the server beside the bare floor, and print ratios (some minutes)
	@cargo build --release --quiet -p tagalong -p tagalong-loadtest
	$(LOADTEST) --server target/release/tagalong peers --floor target/release/tagalong-floor

URL ?= http://localhost:4000
SESSION ?=
PLACE ?= --lat 52.5145 --lng 13.3501
demo: need-cargo ## Let a dozen people move in SESSION (a join link), or in a new session of URL, until Ctrl-C
	@cargo build --release --quiet -p tagalong-loadtest
	$(LOADTEST) --url "$(URL)" demo $(PLACE) $(if $(SESSION),--session "$(SESSION)")

FUZZ_TARGETS := phoenix_text phoenix_binary plain_message position names_and_ids

fuzz-smoke: ## Run each fuzz target for some seconds
	@$(MAKE) fuzz SECONDS_EACH=5

SECONDS_EACH ?= 60
fuzz: need-cargo ## Run each fuzz target for a minute
	@echo "== fuzzing, $(SECONDS_EACH) s each"
	command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-fuzz@0.13.2
	for target in $(FUZZ_TARGETS); do
	  echo "-- $$target"
	  cargo fuzz run --sanitizer none "$$target" -- -max_total_time=$(SECONDS_EACH) -max_len=4096 -verbosity=0 -print_final_stats=0
	done

clean: ## Remove what was built
	@rm -rf target fuzz/target tests/interop/node_modules

need-cargo:
	@command -v cargo >/dev/null || { echo "Rust is needed: install it with rustup, 1.95 or newer" >&2; exit 1; }
	command -v cc >/dev/null || { echo "A C compiler is needed for SQLite: apt-get install build-essential" >&2; exit 1; }
