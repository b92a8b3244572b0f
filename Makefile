# Targets for people; `npm test`, `npm run build` and `npm run lint` do the same on their own.

WORKERS ?= 3
PORT ?= 1337
EXAMPLE := examples/live-counter
IMAGE ?= localhost/live-counter:latest
APP ?= $(EXAMPLE)

# Written by npm at the end of every install, so its age tells whether the lock file has changed since.
INSTALLED := node_modules/.package-lock.json
EXAMPLE_INSTALLED := $(EXAMPLE)/node_modules/.package-lock.json

.PHONY: help demo build lint format test test-long tools chart-readme chart-schemas image e2e-tools e2e bench loadtest loadtest-compare clean need-node need-free-port

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo takes WORKERS (default 3) and PORT (default 1337), e.g. make demo WORKERS=2 PORT=8080"

demo: need-node need-free-port build $(EXAMPLE_INSTALLED) ## Run the live counter on several workers, until Ctrl-C
	@node scripts/demo.mjs --dir $(EXAMPLE) --workers $(WORKERS) --port $(PORT)

build: need-node $(INSTALLED) ## Compile src/ to dist/, and bundle the load tests for Kubernetes
	@npm run --silent build

lint: need-node $(INSTALLED) ## Check style, import boundaries and the types of the tests
	@npm run --silent lint

format: need-node $(INSTALLED) ## Format the sources
	@npm run --silent format

tools: ## Build the programs that tests need and that are not on PATH: helm, helm-unittest, kubeconform (needs Go)
	@sh scripts/tools.sh helm helm-unittest kubeconform

test: need-node $(INSTALLED) tools ## Build, lint and run every test (needs redis-server and chromium)
	@node scripts/test.mjs

test-long: need-node $(INSTALLED) tools ## Run the tests that take long: rounds of faults, random histories, many clients
	@node scripts/test.mjs --long

chart-readme: need-node $(INSTALLED) ## Write the table of values in the chart's README
	@node scripts/chart-readme.mjs

chart-schemas: need-node $(INSTALLED) ## Make the schemas of the chart's tests anew, from Go modules (needs Go and a network)
	@node scripts/chart-schemas.mjs

image: ## Build the example's image with docker, podman or buildah (IMAGE=name, APP=folder of another app)
	@sh scripts/image.sh $(IMAGE) $(APP)

e2e-tools: ## Build the programs of a throwaway Kubernetes (needs Go; about 25 minutes, once)
	@bash test/e2e/cluster/build.sh

e2e: need-node build ## Run the end-to-end tests on a Kubernetes: KUBECONFIG and E2E_IMAGE, or E2E_CLUSTER=local
	@sh scripts/tools.sh helm
	@node scripts/e2e.mjs

bench: need-node build ## Measure beside the packages we replace; prints ratios (needs redis-server; BENCH=--help; docs/benchmarks.md)
	@node bench/run.mjs $(BENCH)

loadtest: need-node build $(EXAMPLE_INSTALLED) ## Load the example, or TARGET=http://..., and write a report (docs/loadtest.md)
	@node loadtest/loadtest.mjs

loadtest-compare: need-node $(INSTALLED) ## Show two load tests beside each other: A=folder B=folder
	@node loadtest/loadtest.mjs compare $(A) $(B)

clean: ## Remove what was built and installed
	rm -rf dist node_modules $(EXAMPLE)/node_modules $(EXAMPLE)/.tmp

$(INSTALLED): package.json package-lock.json | need-node
	npm ci
	@touch $@

# The example depends on this package by path: build first, or its install links to a package without dist/.
$(EXAMPLE_INSTALLED): $(EXAMPLE)/package.json $(EXAMPLE)/package-lock.json | build
	@echo "Installing the example. Its database, better-sqlite3, is compiled where there is no binary for this machine: one to three"
	@echo "silent minutes, once."
	@node scripts/install-example.mjs

need-node:
	@sh scripts/need-node.sh

need-free-port: need-node
	@node scripts/need-free-port.mjs $(PORT)
