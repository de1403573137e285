SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

# rustup looks for a toolchain by its name: it would download the one that rust-toolchain.toml names although `stable` is the
# same, and it cannot without the network.
ifndef RUSTUP_TOOLCHAIN
ifeq ($(shell rustup run stable rustc --version 2>/dev/null | cut -d' ' -f2),$(shell \
  sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml))
export RUSTUP_TOOLCHAIN := stable
endif
endif

.PHONY: help run dev web test lint fmt unit interop schemathesis page api-types settings e2e screenshots page-cost deps check-deploy toolchain bench \
  bench-peers demo cluster soak fuzz-smoke fuzz simulate release clean need-cargo need-npm need-c++ need-python need-curl \
  need-chromium need-postgres need-redis need-haproxy need-proxies

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: need-cargo web ## Build and start the server on port 4000, its data in ./data
	@cargo run --release --bin tagalong

dev: need-cargo web ## Build and restart the server, and reload the page, as they change
	@exec node web/build/dev.mjs

# Whatever runs the binary builds it like this, as the tests do: with other features of what it is made of, all that would
# be built once more.
BUILD := cargo build --quiet --workspace --bins --examples

# What the page is made of; cargo builds the result into the binary.
PAGE := web/dist/index.html
PAGE_SOURCES := web/index.html web/docs.html web/dashboard.html web/package.json $(wildcard docs/connect/*) web/vite.config.ts \
  $(shell find web/build web/public web/src -type f ! -name '*.test.ts' ! -name '*.generated.bin')

web: $(PAGE) ## Build the page into web/dist

$(PAGE): $(PAGE_SOURCES) web/node_modules/.package-lock.json
	@echo "== page"
	cd web
	npm run --silent build

web/node_modules/.package-lock.json: web/package-lock.json | need-npm
	@cd web
	npm ci --silent --no-audit --no-fund

toolchain: need-cargo need-npm ## Show the versions of what builds
	@cargo fmt --version && cargo clippy --version || {
	  echo "rustfmt and clippy are needed: rustup component add rustfmt clippy" >&2
	  exit 1
	}
	rustc --version
	cargo --version
	node --version

test: need-cargo web lint unit interop schemathesis page e2e deps fuzz-smoke ## Run everything that a change must pass
	@echo "== deploy/"
	if [ -e target/tools/deploy/ready ]; then
	  deploy/check/run >target/check-deploy.log || { cat target/check-deploy.log; exit 1; }
	  grep "left out" target/check-deploy.log || :
	else echo "left out until make check-deploy has been run once: it gets its tools from the network"
	fi
	echo "all passed"

lint: need-cargo need-c++ ## Check the format, the lints and the documentation
	@echo "== format, lints, documentation"
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	# The fuzz targets are a workspace of their own: nothing else would tell before they are run, at the very end.
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target/fuzz-lint --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

fmt: need-cargo ## Format the code
	@cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

unit: need-cargo need-postgres need-redis ## Run the Rust tests, with database and Redis of their own
	@echo "== Rust tests"
	cargo test --workspace --quiet

interop: need-cargo need-npm need-python need-curl need-chromium need-proxies ## Run existing clients, the programs of docs/connect, and proxies
	@echo "== existing Phoenix clients, programs of docs/connect, proxies"
	$(BUILD)
	tests/interop/python
	cd tests/interop
	# Without scripts: one of the old clients has parts to be built in C, and does without them.
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund --ignore-scripts
	node --test

schemathesis: need-cargo need-python ## Hold the binary against its REST description; EXAMPLES=, SEED=
	@echo "== the REST API as it is described"
	$(BUILD)
	tests/schemathesis/run

# From these the page's types are generated.
define SCHEMAS
mkdir -p target
$(BUILD)
target/debug/tagalong openapi >target/openapi.json
target/debug/tagalong dashboard-schema >target/dashboard.json
endef

page: need-cargo web ## Check the page: types, lints, unit tests, sizes
	@echo "== page: types, lints, unit tests, sizes"
	$(SCHEMAS)
	cd web
	for types in api-types dashboard-types; do
	  npm run --silent "$$types" -- --check >/dev/null || { echo "the page's $$types are out of date: run make api-types" >&2; exit 1; }
	done
	npm test --silent

api-types: need-cargo web ## Write the page's types of REST and of the dashboard from their schemas
	@$(SCHEMAS)
	cd web
	npm run --silent api-types
	npm run --silent dashboard-types

settings: need-cargo ## Write the README's table of settings and .env.example from their declarations
	$(BUILD)
	target/debug/tagalong config --reference markdown > target/settings.md
	sed -i -e '/^<!-- written by `make settings` -->$$/,/^<!-- end -->$$/{/^<!--/!d}' \
	  -e '/^<!-- written by `make settings` -->$$/r target/settings.md' README.md
	target/debug/tagalong config --reference env > .env.example

e2e: need-cargo need-chromium web ## Run people in real browsers against the real binary
	@echo "== people in browsers"
	$(BUILD)
	cd web
	npm run --silent e2e

screenshots: need-cargo need-chromium web ## Take the pictures of the README
	@$(BUILD)
	cd web
	npm run --silent screenshots

page-cost: need-cargo need-chromium web ## Measure what the page costs a phone among fifty people
	@$(BUILD)
	cd web
	npm run --silent page-cost

deps: need-cargo ## Check licences, sources, unused dependencies and known faults of dependencies
	@echo "== dependencies"
	command -v cargo-machete >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-machete@0.9.2
	command -v cargo-deny >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2
	cargo machete
	cargo deny --log-level error check licenses bans sources
	# Without the network there is nothing to compare with, and that must not read as "nothing known". Whether the database
	# came is asked by itself, so that a fault that it knows of cannot be taken for a network that is away.
	if timeout 120 cargo deny --log-level off fetch db >target/advisories.log 2>&1; then
	  cargo deny --log-level error check --disable-fetch advisories
	else echo "advisories: left out, the database of known faults could not be fetched (target/advisories.log)"
	fi

check-deploy: need-python ## Check what lies in deploy/: linters, schemas, alert rules
	@deploy/check/run

release: need-cargo web ## Build what is released into target/dist: archive, SBOMs, sums
	@command -v cargo-cyclonedx >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-cyclonedx@0.5.9
	deploy/release

bench: need-cargo ## Run the micro-benchmarks
	@cargo bench --workspace

LOADTEST := target/release/tagalong-loadtest

bench-peers: need-cargo ## Measure the server beside the bare floor (some minutes)
	@cargo build --release --quiet -p tagalong -p tagalong-loadtest
	$(LOADTEST) --server target/release/tagalong peers --floor target/release/tagalong-floor

URL ?= http://localhost:4000
SESSION ?=
PLACE ?= --lat 52.5145 --lng 13.3501
demo: need-cargo ## Let a dozen people move in SESSION (a join link) or a new one
	@cargo build --release --quiet -p tagalong-loadtest
	$(LOADTEST) --url "$(URL)" demo $(PLACE) $(if $(SESSION),--session "$(SESSION)")

cluster: need-cargo need-postgres need-redis need-haproxy web ## Try three nodes with PostgreSQL, Redis and a load balancer
	@cargo build --release --quiet --bin tagalong
	exec deploy/cluster.sh target/release/tagalong

SOAK_SECONDS ?= 120
soak: need-cargo need-postgres need-redis ## Break three nodes under 1,000 people for SOAK_SECONDS (120)
	@cargo build --release --quiet -p tagalong -p tagalong-loadtest
	$(LOADTEST) --server target/release/tagalong soak --seconds $(SOAK_SECONDS)

FUZZ_TARGETS := phoenix_text phoenix_binary plain_message position share names_and_ids conversation \
  versions_and_statuses websocket request_head token tracker_report

fuzz-smoke: ## Run each fuzz target for five seconds
	@$(MAKE) fuzz SECONDS_EACH=5

SECONDS_EACH ?= 60
fuzz: need-cargo need-c++ ## Run each fuzz target for SECONDS_EACH (60)
	@echo "== fuzzing, $(SECONDS_EACH) s each"
	command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --debug --root target/tools cargo-fuzz@0.13.2
	for target in $(FUZZ_TARGETS); do
	  echo "-- $$target"
	  # What is found goes beside the corpus that is kept, not into it.
	  mkdir -p "target/fuzz/$$target" "fuzz/corpus/$$target"
	  log="target/fuzz/$$target.log"
	  cargo fuzz run --sanitizer none "$$target" "target/fuzz/$$target" "fuzz/corpus/$$target" -- \
	    -max_total_time=$(SECONDS_EACH) -max_len=4096 -verbosity=0 >"$$log" 2>&1 || { cat "$$log"; exit 1; }
	done

SEEDS ?= 2000
simulate: need-cargo ## Live random lives of sessions on the real code; SEEDS=, SEED=7
	@SEEDS=$(SEEDS) $(if $(SEED),SEED=$(SEED)) cargo test --quiet --package tagalong --test simulation

clean: ## Remove what was built
	@rm -rf target fuzz/target tests/interop/node_modules web/node_modules web/dist

need-cargo:
	@command -v cargo >/dev/null || { echo "Rust is needed: install it with rustup, 1.95 or newer" >&2; exit 1; }
	command -v cc >/dev/null || .ci/install "A C compiler is needed for SQLite" build-essential

need-npm:
	@command -v npm >/dev/null || { echo "Node 20 with npm is needed: install Debian's nodejs and npm, or a newer Node" >&2; exit 1; }

# A fuzz target is linked with libFuzzer, which is C++.
need-c++:
	@command -v c++ >/dev/null || .ci/install "A C++ compiler is needed" build-essential

need-python:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || .ci/install "Python 3.11 or newer with venv is needed" python3-venv

need-curl:
	@command -v curl >/dev/null || .ci/install "curl is needed" curl

need-chromium:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || .ci/install "Chromium is needed, or CHROMIUM=/path/to/one" chromium

# Their programs alone: the tests start and stop servers of their own, wherever others run.
need-postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v pg_config >/dev/null ||
	  .ci/install "PostgreSQL is needed, not running" postgresql

need-redis:
	@command -v redis-server >/dev/null || .ci/install "Redis is needed, not running" redis-server

need-haproxy:
	@command -v haproxy >/dev/null || .ci/install "HAProxy 2.6 or newer is needed, not running" haproxy

# A proxy that cannot be had is no reason to try nothing: its test is skipped by name.
need-proxies:
	@command -v nginx >/dev/null || .ci/install "nginx is not tried" nginx-light || :
	command -v haproxy >/dev/null || .ci/install "HAProxy is not tried" haproxy || :
	command -v caddy >/dev/null || .ci/install "Caddy is not tried" caddy || :
	command -v openssl >/dev/null || .ci/install "OpenSSL is needed for the proxies' certificate" openssl
