.DEFAULT_GOAL := help
.PHONY: help setup run test quick bench check fmt lint image

SETUP := ./setup.sh
ifeq ($(shell uname -s),Darwin)
SETUP := ./setup_mac.sh
endif

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'ARGS passes arguments on: make run ARGS="--port 9000"'

setup: ## Check the tools, build, start in the background and say how to log in
	$(SETUP) $(ARGS)

run: ## Build and run the server in this terminal
	cargo run --release --locked -- serve $(ARGS)

test: ## Run every check, as continuous integration does
	./test.sh $(ARGS)

quick: ## Run the checks that need no release build
	./test.sh --quick

bench: ## Measure a server
	cargo run --release --locked -- bench $(ARGS)

check: fmt lint ## Check format and lints only

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

image: ## Build the container image
	docker build --tag chatserver .
