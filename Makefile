# Works with GNU make 3.81, the version on macOS.
.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-deploy run reset build deploy release rehearse test model faults soak budget idle-capacity fuzz fuzz-archive check bench audit sbom reproducible smoke secrets rotate drop-old reseal
ARCH ?= arm64
SECONDS ?= 60

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start everything on http://localhost:8000
	@scripts/run.sh

reset: ## Delete the local data
	@cargo run --quiet --bin juncture-local -- reset

setup: ## Install what make run needs
	@scripts/setup.sh run

setup-test: ## Install what make test needs
	@scripts/setup.sh test

setup-deploy: ## Install what make deploy needs
	@scripts/sam-cli.sh

build: ## Build every function for Lambda (ARCH=arm64 or x86_64)
	@scripts/build.sh "$(ARCH)"

deploy: ## Build, validate and deploy one stage: STAGE=staging, RELEASE=dist/….tar.gz instead of building
	@scripts/deploy.sh "$(STAGE)" "$(RELEASE)"

release: ## Pack a release into dist/ that can be deployed without Rust (ARCH=arm64 or x86_64)
	@scripts/release.sh "$(ARCH)"

rehearse: setup-test ## Build a release, deploy to an AWS emulator, use, update, roll back, delete (five minutes once built)
	@scripts/rehearse.sh

test: setup-test ## Run all tests
	@scripts/test.sh

model: setup-test ## Check the model with random schedules: SEED=1 OPERATIONS=5000 MODE=strict|lenient|faulty
	cargo build --locked --workspace
	OPERATIONS=$${OPERATIONS:-5000} cargo test --locked --workspace --test model -- --nocapture --test-threads=1 with_

faults: setup-test ## Test every endpoint with each server failing, and write the tables in docs/faults.md
	cargo build --locked --workspace
	JUNCTURE_TEST_FAULTS=1 cargo test --locked --workspace --test faults

soak: setup-test ## Run mixed traffic for MINUTES=10 and check that nothing grows
	cargo build --locked --workspace
	MINUTES=$${MINUTES:-10} cargo test --locked --workspace --test soak -- --ignored --nocapture

budget: ## Simulate an hour of Jira's quota with 200 instances on ten sites, with and without the budget
	cargo test --locked --workspace --test budget -- --ignored --nocapture

idle-capacity: setup-test ## Measure how many idle connections a stage keeps alive, of 200,000 due (5 minutes)
	cargo build --locked --workspace
	cargo test --locked --workspace --test idle_capacity -- --ignored --nocapture

fuzz: ## Fuzz every parser of input from outside, SECONDS=60 each (PARSER=query: only one)
	@SECONDS_EACH="$(SECONDS)" scripts/fuzz.sh

fuzz-archive: ## Pack the inputs that make fuzz saved into dist/fuzz-corpus-<date>.tar.gz
	@mkdir -p dist
	tar -czf "dist/fuzz-corpus-$$(date -u +%F).tar.gz" -C fuzz corpus-grown

check: ## Run every check that needs no running stack
	@scripts/check.sh

bench: setup ## Measure every endpoint and function (BENCH=--quick: in two minutes)
	cargo build --release --workspace --exclude juncture-tests --exclude juncture-admin --exclude juncture-fuzz-properties
	@target/release/juncture-benches $(BENCH)

sbom: ## Write the software bill of materials of a release to dist/ (ARCH=arm64 or x86_64)
	@scripts/sbom.sh "$(ARCH)"

reproducible: ## Build every function twice, in two folders, and compare (a quarter of an hour)
	@scripts/reproducible.sh "$(ARCH)"

audit: ## Check dependencies for known vulnerabilities (needs GitHub)
	@scripts/cargo-deny.sh
	PATH="$$PATH:$$PWD/.local/bin" cargo deny --locked check advisories

smoke: ## Smoke-test a deployment: STAGE=staging, or API=https://… KEY=… ORIGIN=https://app.example.com
	@JUNCTURE_SECRET_KEY="$(KEY)" scripts/smoke.sh "$(STAGE)" "$(API)" "$(ORIGIN)" "$(RELEASE)"

secrets: ## Create or update a stage's secret: make secrets STAGE=staging
	@cargo run --quiet --bin juncture-admin -- secrets --stage "$(STAGE)" --file "$(FILE)"

rotate: ## Replace a setting of a stage: make rotate STAGE=staging KEY=TOKEN_ENCRYPTION_KEY
	@cargo run --quiet --bin juncture-admin -- rotate --stage "$(STAGE)" --key "$(KEY)" --wait "$(WAIT)"

drop-old: ## Complete a rotation by dropping the old key: make drop-old STAGE=staging KEY=…
	@cargo run --quiet --bin juncture-admin -- drop-old --stage "$(STAGE)" --key "$(KEY)" --wait "$(WAIT)"

reseal: ## Seal every stored token with the first encryption key: make reseal STAGE=staging
	@cargo run --quiet --bin juncture-admin -- reseal --stage "$(STAGE)"
