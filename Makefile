# Each target is a thin name for one command; CARGO_FLAGS goes to all of them.

.PHONY: help run build test lint deny simulate burst plot month backfill letters bench images sizes

help: ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

build: ## Build every binary, optimised
	cargo build --release --workspace --bins --exclude usher-tests

run: build ## Run the main job on embedded defaults: 25 sign-ups, from the audit log through all consumers
	target/release/usher up

test: ## Run every test; what a test needs beyond Rust it installs under .sdk, or says that it is skipped
	cargo build --workspace --bins
	cargo test --workspace --no-fail-fast

lint: ## Formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: ## Licences, bans, sources and advisories of all dependencies
	.ci/deny

simulate: ## Replay one seed of the simulation (make simulate SEED=7), or try many (make simulate SEEDS=10000)
	USHER_SEED=$(SEED) USHER_SEEDS=$(SEEDS) cargo test -p usher-tests --test simulation -- --nocapture \
		$(if $(SEEDS),all_histories_leave,one_seed_replays)

burst: ## Ten thousand sign-ups at once, under simulated time, against the vendors' quotas
	USHER_BURST=10000 cargo test -p usher-tests --test burst -- --nocapture

plot: ## Make docs/outage.svg: an hour without each vendor, under simulated time
	cargo run -p usher-tests --bin usher-outage-plot > docs/outage.svg.new
	mv docs/outage.svg.new docs/outage.svg

month: ## A month of a tenant's life, for Usher and for the usual approach: prints the table of docs/month.md
	cargo run -p usher-tests --bin usher-month

backfill: ## A hundred thousand sign-ups of the past in one backfill: prints time, requests and memory
	cargo build --workspace --bins
	cargo test -p usher-tests --test backfill -- --nocapture a_hundred_thousand

letters: ## A million dead letters through every command: prints time and memory of each
	cargo build --workspace --bins
	USHER_LETTERS=1000000 cargo test -p usher-subscriber --test runtime dead_letters -- --nocapture
	USHER_LETTERS=1000000 cargo test -p usher-tests --test many_dead_letters -- --nocapture

bench: ## Messages a second beside the official Python SDK, sign-ups a second, memory: prints a table
	cargo build --release --workspace --bins
	target/release/usher-bench

sizes: ## Compile what goes into images and weigh each image with Buildah: at most 20 MB
	cargo build --locked --profile container --workspace --exclude usher-tests --bins
	cargo build --workspace --bins
	USHER_SIZES=1 cargo test -p usher-tests --test containers -- --nocapture no_image_is_larger

images: ## Build the image of every program with podman (docs/containers.md)
	for it in usher usher-producer usher-broker usher-sandbox $$(sed -n 's/.*"name": "\([^"]*\)".*/usher-\1/p' infra/consumers.json); do \
		podman build --format docker --file infra/Containerfile --target $$it --tag $$it . || exit 1; done
