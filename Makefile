# Every target does its own set-up and says what it installs. `make` alone lists them.
# The scripts before set-up run on the system's Node (>= 20), everything after it on the one in node_modules.
node := node_modules/.bin/node
NAMES ?=
TIERS ?=
DISTRO ?= alpine

.PHONY: help demo test bench linuxkit build image clean
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

demo: ## a blank disk (a file) becomes a dot with PostgreSQL on it, is "rebooted", and the data is there
	@node scripts/setup.mjs demo
	@$(node) scripts/build.mjs programs
	@$(node) scripts/demo.mjs

test: ## all tests; TIERS="lint unit image zfs guest crash vm" and NAMES="part of a path" select, FULL=1 repeats more
	@node scripts/setup.mjs test
	@$(node) scripts/test.mjs $(addprefix --tier=,$(TIERS)) $(NAMES)

bench: ## our operations beside raw zfs, as ratios (GUEST=1: on the kernel's OpenZFS; VM=1: boots)
	@node scripts/setup.mjs bench
	@$(node) scripts/bench.mjs

linuxkit: ## linuxkit-examples/dotmesh.yml, built and booted in QEMU with the linuxkit and Docker that are installed
	@node scripts/linuxkit.mjs

build: ## dist/dm, dist/dotmesh-server, dist/dm-linuxkit: one file each
	@node scripts/setup.mjs build
	@$(node) scripts/build.mjs programs

image: ## the image, in Docker, and its size; DISTRO=debian needs no registry
	@node scripts/setup.mjs $(if $(filter debian,$(DISTRO)),image-debian,image)
	@$(node) scripts/image.mjs --distro=$(DISTRO)

clean: ## remove dist/ and build/ (guest, images and the machine of `make linuxkit` stay in ~/.cache/dm-linuxkit)
	rm -rf dist build
