# Each target is a thin name for one command; CARGO_FLAGS goes to all of them.

.PHONY: help run build test lint deny simulate bench

help: ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

build: ## Build every binary, optimised
	cargo build --release --workspace --bins --exclude usher-tests

run: build ## Run the main job on embedded defaults: 25 sign-ups, from the audit log to Stripe
	target/release/usher up

test: ## Run every test; what a test needs beyond Rust it installs under .sdk, or says that it is skipped
	cargo build --workspace --bins
	cargo test --workspace --no-fail-fast

lint: ## Formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: ## Licences, bans, sources and advisories of all dependencies
	.ci/deny

simulate: ## Replay one seed of the simulation: make simulate SEED=7
	USHER_SEED=$(SEED) cargo test -p usher-tests --test simulation -- --nocapture one_seed_replays

bench: ## Messages a second beside the official Python SDK, sign-ups a second, memory: prints a table
	cargo build --release --workspace --bins
	target/release/usher-bench
