# SPDX-License-Identifier: Apache-2.0
.PHONY: help setup build demo onion-demo check test test-long simulate fuzz bench soak tap1 format clean
.DEFAULT_GOAL := help

MODULES := fuzz wire ip tcp host link stack egress tor onion gateway lab cli
BUILT := cli/target/dist/.built
# Folders are among them, so that a file that was removed counts as a change too.
BENCH_BUILT := bench/target/.built
SOURCES := pom.xml scripts/jvm.args scripts/rehearse $(foreach module,$(MODULES),$(module)/pom.xml $(shell find $(module)/src/main 2>/dev/null))

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: ## install what is missing on this machine (apt-get, as root)
	@./scripts/setup

build: $(BUILT) ## build ./torvtl, without tests

demo: $(BUILT) ## a guest reaches a web server through a private Tor network (as root); GUEST_SHELL=1 opens a shell in the guest
	@./torvtl demo $(if $(filter-out 0,$(GUEST_SHELL)),--shell)

onion-demo: $(BUILT) ## routers of an onion network come up, and carry a ping into a world of namespaces (as root)
	@./torvtl onion demo

check: needed ## while working: format, static checks and unit tests, in under three minutes
	@exec ./scripts/check

test: ## run all tests, unit and end to end, and count them, in some twenty minutes (as root)
	@./scripts/setup --quiet
	@./scripts/test

test-long: ## what takes longer, or one PART of it: seeds, fuzz, unit, e2e (as root)
	@./scripts/setup --quiet
	@exec ./scripts/test-long $(PART)

simulate: needed ## run the TCP engine in simulated time: SEEDS=n of them (default 100000) from FIRST=1; SEED=n shows one
	@exec ./scripts/simulate $(if $(SEED),seed $(SEED),seeds $(or $(SEEDS),100000) $(or $(FIRST),1))

fuzz: needed ## feed random input to whatever reads packets, for FUZZ_SECONDS=n (default 600) in all
	@exec ./scripts/fuzz run $(or $(FUZZ_SECONDS),600)

bench: $(BENCH_BUILT) ## measure, side by side with direct SOCKS and redsocks; passes or fails nothing (as root)
	@./scripts/setup --quiet
	@./scripts/bench

soak: $(BENCH_BUILT) ## GIB=100 each way through the gateway in one sitting, with their SHA-256 (as root)
	@SOAK_GIB=$(or $(GIB),100) ./scripts/bench

tap1: $(BUILT) ## create a persistent TAP device tap1 and set it up (as root)
	@./torvtl tap create tap1

format: needed ## format the sources the way the build checks
	@./scripts/mvn -B -q com.diffplug.spotless:spotless-maven-plugin:apply

clean: ## remove everything that was built
	rm -rf target $(MODULES:=/target) e2e/target bench/target

.PHONY: needed
needed:
	@./scripts/setup --quiet --without-tests

$(BUILT): $(SOURCES) | needed
	@./scripts/build cli
	@touch $@

$(BENCH_BUILT): $(SOURCES) $(foreach module,e2e bench,$(module)/pom.xml $(shell find $(module)/src/main 2>/dev/null)) | needed
	@./scripts/build bench
	@touch $@
