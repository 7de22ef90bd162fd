# The project's commands. `make` alone lists them. Everything that they make in the checkout is in .work/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

WORK := $(CURDIR)/.work
VENV := $(WORK)/venv
VENV_TEST := $(WORK)/venv-test
LINK := $(WORK)/collections/ansible_collections/odoo_cloud/platform

# What to change on the command line: make demo INVENTORY=inventories/mine ARGS='--check --diff -e odoo_version=14'
INVENTORY ?= inventories/local
ARGS ?=
SCENARIO ?= default
# The stages of `make test`: those with containers, and beside them those that need none. STAGES='lint unit' runs just these, in order.
CONTAINER_STAGES := nginx core221 molecule prove-sample browser prove-blockers-sample prove-state-sample prove-stateless-sample prove-migrations-sample prove-delivery-sample
STATIC_STAGES := lint unit sanity galaxy aws state
STAGES ?=
# Only the demo is removed without a word; for another inventory say CONFIRM=<its odoo_cloud_name>.
CONFIRM ?= $(if $(filter inventories/local,$(INVENTORY)),odoo-cloud)
PART ?=
MUTANT ?=
# Two checkouts on one machine: what the names of all that proofs make begin with, and whose images they use. PROVE_PORT gives a proof
# other ports than its own.
PROVE_NAME ?= oc
PROVE_IMAGES ?= odoo-cloud
export PROVE_NAME PROVE_IMAGES

# Ansible needs a UTF-8 locale; this one is always there.
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(WORK)/collections
export PYTHONDONTWRITEBYTECODE := 1
# No colours into a file or a pipe, whatever the environment forces.
ifeq ($(MAKE_TERMOUT),)
export ANSIBLE_NOCOLOR := 1
export NO_COLOR := 1
export PY_COLORS := 0
unexport ANSIBLE_FORCE_COLOR FORCE_COLOR CLICOLOR_FORCE
endif

PLAYBOOK := $(VENV)/bin/ansible-playbook -i $(INVENTORY)
TEST_BIN := $(VENV_TEST)/bin
# Recipes of a stage start with this, so that tools find each other.
TEST_ENV := PATH=$(TEST_BIN):$$PATH
# The package tests/prove; `make prove-... ARGS=--help` tells what a proof does and which options it has.
PROVE := env PATH=$(VENV)/bin:$$PATH PYTHONPATH=$(CURDIR)/tests $(TEST_BIN)/python -m prove
PROVE_ARGS = $(if $(PART),--part '$(PART)') $(if $(MUTANT),--mutant '$(MUTANT)') $(ARGS)

##@ Use
.PHONY: help demo check clean down status sbom
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: runtime ## bring the whole platform up on this machine (again: changes nothing)
	@begin=$$SECONDS; $(PLAYBOOK) playbooks/site.yml $(ARGS); echo "make demo: the playbook took $$((SECONDS - begin)) s"

check: runtime ## say what `make demo` would change, and change nothing
	@$(PLAYBOOK) playbooks/site.yml --check --diff $(ARGS)

status: runtime ## show every instance's state and history
	@$(PLAYBOOK) playbooks/status.yml $(ARGS)

sbom: runtime ## write a bill of materials (CycloneDX) for each image in use
	@tools/venv.sh $(WORK)/venv-sbom requirements/sbom.txt
	@$(PLAYBOOK) playbooks/sbom.yml -e image_sbom_python=$(WORK)/venv-sbom/bin/python $(ARGS)

down: runtime ## remove the demo with all its data from this machine, keep what was installed for make
	@$(PLAYBOOK) playbooks/clean.yml $(if $(CONFIRM),-e odoo_cloud_clean_confirm=$(CONFIRM)) $(ARGS)

clean: down test-clean ## remove the demo with all its data, and everything that make made
	@rm -rf $(WORK)

##@ Test
.PHONY: test lint unit state aws sanity engine core221 molecule cluster browser bench bench-attachments bench-delivery prove-stateless prove-stateless-sample prove-demo prove-sample prove-state prove-state-sample prove-delivery prove-delivery-sample state-images format build test-clean
test: ## all the set-up and all the tests; one line per stage at the end
	@tools/test.sh $(if $(STAGES),$(STAGES),$(CONTAINER_STAGES) --beside $(STATIC_STAGES))

.PHONY: fast test-ready
fast: ## lint and unit tests
	@tools/test.sh lint unit

# What both lanes of `make test` need: environments, Debian packages, a container engine and the images.
test-ready: runtime tools-ready state-images
	@tools/postgres.sh
	@tools/apt.sh git wrk curl chromium chromium-driver libnss3-tools

lint: tools-ready ## ansible-lint (production), yamllint, ruff, changelog, the collection's documentation
	@tools/lint.sh $(WORK)

unit: tools-ready ## unit tests and the tests of the project's own consistency
	@cd $(LINK) && PYTHONPATH=$(WORK)/collections $(TEST_BIN)/python -m pytest -q -n 2 $(ARGS)

state: tools-ready ## lock, window and modes against a real PostgreSQL, without Odoo
	@tools/postgres.sh
	@cd $(LINK) && PYTHONPATH=$(WORK)/collections $(TEST_BIN)/python -m pytest -q -n 2 tests/runtime $(ARGS)

aws: tools-ready ## the whole role aws_delivery against moto and stubs: made, made again, used, removed
	@cd $(LINK) && PYTHONPATH=$(WORK)/collections $(TEST_BIN)/python -m pytest -q tests/aws $(ARGS)

sanity: tools-ready ## ansible-test sanity on the built collection
	@tools/apt.sh git
	@tools/sanity.sh $(WORK)

.PHONY: galaxy
galaxy: runtime ## ask galaxy-importer whether Galaxy would take the collection in
	@tools/venv.sh $(WORK)/venv-galaxy requirements/galaxy.txt
	@tools/galaxy.sh $(WORK)

engine: runtime ## a container engine on this machine, by the role docker_engine
	@$(PLAYBOOK) playbooks/engine.yml

core221: tools-ready ## unit tests, syntax check and check mode with ansible-core 2.21, on an empty machine
	@tools/core221.sh $(WORK)

.PHONY: nginx
nginx: tools-ready state-images ## what the proxy promises, asked over the wire (TLS, headers, closed paths, limits, reloads)
	@$(TEST_ENV) tools/nginx.sh $(WORK)

molecule: tools-ready ## a second platform beside the demo, from nothing to verified and removed (SCENARIO=, ODOO_VERSION=)
	@tools/molecule.sh $(WORK) test $(SCENARIO)

cluster: tools-ready ## the platform over two nested Docker hosts, from nothing to verified and removed
	@tools/molecule.sh $(WORK) test cluster

browser: tools-ready ## headless Chromium logs in through nginx (on molecule's platform)
	@tools/apt.sh chromium chromium-driver libnss3-tools
	@tools/molecule.sh $(WORK) browser $(SCENARIO)

# The demo of INVENTORY=inventories/local has to be up.
bench: tools-ready ## static files through nginx against Odoo's own port, on the demo that runs
	@tools/apt.sh wrk curl
	@pid=$$(docker inspect -f '{{.State.Pid}}' odoo-cloud-demo-1); \
	$(PROVE) bench-static --odoo-pid "$$pid" --host demo.localhost $(ARGS)

.PHONY: bench-migrations prove-migrations prove-migrations-sample
bench-migrations: tools-ready state-images ## songs and updates against anthem, marabunta and click-odoo-contrib (ARGS='--version 14')
	@$(PROVE) bench-migrations $(ARGS)

prove-demo: tools-ready runtime ## run the bars of `make demo` and say which hold (PART=, MUTANT=, ARGS=--list)
	@tools/apt.sh wrk curl
	@$(PROVE) demo $(PROVE_ARGS)

prove-sample: tools-ready runtime ## a few of these bars, on molecule's platform; part of `make test`
	@tools/molecule.sh $(WORK) on $(SCENARIO) $(PROVE) demo --sample --on molecule/$(SCENARIO)/inventory/hosts

# TEST_READY: `make test-ready` has just done all this.
state-images: runtime $(if $(TEST_READY),,engine)
	@for version in 19 14; do docker images --format '{{.Repository}}' | grep -qx "$(PROVE_IMAGES)/odoo-$$version" \
		|| $(PLAYBOOK) playbooks/images.yml -e odoo_version=$$version -e odoo_cloud_name=$(PROVE_IMAGES); done

prove-state: tools-ready state-images ## run the bars of state, lock and modes with real Odoo 19 and 14 (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) state $(PROVE_ARGS)

prove-state-sample: tools-ready state-images ## a small fixed sample of them; part of `make test`
	@$(PROVE) state --sample

# awscli wants versions of its own of what the tests use.
prove-delivery: tools-ready state-images ## run the bars of the delivery of own code: against awscli, killed, end to end with Odoo 19 and 14, AWS (PART=, MUTANT=, ARGS=--list)
	@tools/apt.sh chromium chromium-driver libnss3-tools git openssl
	@tools/venv.sh $(WORK)/venv-aws requirements/aws.txt
	@PROVE_AWS=$(WORK)/venv-aws/bin/aws $(PROVE) delivery $(PROVE_ARGS)

prove-delivery-sample: tools-ready state-images ## a small fixed sample of them; part of `make test`
	@$(PROVE) delivery --sample

prove-stateless: tools-ready state-images ## run the bars of a stateless Odoo with real Redis and Swift, Odoo 19 and 14 (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) stateless $(PROVE_ARGS)

prove-stateless-sample: tools-ready state-images ## a small fixed sample of them; part of `make test`
	@$(PROVE) stateless --sample

bench-delivery: tools-ready ## the delivery of own code against `aws s3 sync`, on the same tree and store
	@tools/venv.sh $(WORK)/venv-aws requirements/aws.txt
	@$(PROVE) bench-delivery --aws $(WORK)/venv-aws/bin/aws $(ARGS)

bench-attachments: tools-ready state-images ## the mover of attachments against a plain loop, directly and with 50 ms for each request
	@$(PROVE) bench-attachments $(ARGS)

prove-migrations: tools-ready state-images ## run the bars of songs, migrations and updates with real Odoo 19 and 14 (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) migrations $(PROVE_ARGS)

prove-migrations-sample: tools-ready state-images ## a small fixed sample of them; part of `make test`
	@$(PROVE) migrations --sample

.PHONY: prove-house
prove-house: tools-ready state-images ## run the bars of the house: what may import what, repairs, cost at rest and of a run, older demos (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) house $(PROVE_ARGS)

.PHONY: prove-walls
prove-walls: tools-ready state-images ## run the bars of the walls: hostile replica, hostile database, strangers, limits (PART=, MUTANT=, ARGS=--list)
	@tools/apt.sh openssl wrk curl gpg gpg-agent
	@tools/venv.sh $(WORK)/venv-sbom requirements/sbom.txt
	@$(PROVE) walls $(PROVE_ARGS)

.PHONY: prove-real
prove-real: tools-ready state-images ## run the bars of a company's first week: PDF reports, mail, versions, untidy databases (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) real $(PROVE_ARGS)

.PHONY: prove-blockers prove-blockers-sample
prove-blockers: tools-ready state-images ## run the bars that keep strangers out and platforms up, on real parts (PART=, MUTANT=, ARGS=--list)
	@$(PROVE) blockers $(PROVE_ARGS)

prove-blockers-sample: tools-ready state-images ## a small fixed sample of them; part of `make test`
	@$(PROVE) blockers --sample

.PHONY: docs
docs: tools-ready ## write the tables of the containers' variables into docs/
	@$(TEST_BIN)/python tools/container_variables.py

.PHONY: requirements
requirements: ## lock requirements/*.in again, with hashes, into requirements/*.txt (ARGS=--upgrade)
	@tools/venv.sh $(WORK)/venv-lock requirements/lock.txt
	@tools/lock.sh $(WORK) $(ARGS)

format: tools-ready ## let ruff format the Python files
	@$(TEST_ENV) ruff format --no-cache .

build: runtime ## the tarball for ansible-galaxy, into .work/build/
	@$(VENV)/bin/ansible-galaxy collection build --force --output-path $(WORK)/build .

test-clean: ## remove the images of the tests
	@if command -v docker >/dev/null && docker version >/dev/null 2>&1; then \
		docker images --format '{{.Repository}}:{{.Tag}}' 'odoo-cloud-test-*' | xargs -r docker rmi -f >/dev/null; fi

# Set-up
.PHONY: runtime tools-ready
runtime: $(VENV)/.made-of $(LINK)
tools-ready: $(VENV_TEST)/.made-of $(LINK)

$(VENV)/.made-of: requirements/runtime.txt tools/venv.sh
	@tools/venv.sh $(VENV) requirements/runtime.txt

$(VENV_TEST)/.made-of: requirements/test.txt tools/venv.sh
	@tools/venv.sh $(VENV_TEST) requirements/test.txt

# Roles and modules are found by their full names through this link.
$(LINK):
	@mkdir -p $(@D) && ln -sfn ../../../.. $@
