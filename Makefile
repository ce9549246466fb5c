# Pavane: one Makefile, one fragment per folder.
#
# A fragment names its programs and tests with two macros:
#   $(eval $(call program,NAME,SOURCES,LIBS))         -> build/NAME
#   $(eval $(call unit_test,DIR/x_test,SOURCES,LIBS)) -> build/check/tests/unit/DIR/x_test (ASan, UBSan, Criterion);
#       SOURCES lists the files under test and fakes; tests/unit/DIR/x_test.c is added by itself.
# Sources are paths from the root of the tree; so are #include lines in userland.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
B := build

CC      := gcc
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wpointer-arith -Wwrite-strings -Wvla -Wimplicit-fallthrough=5
USER_CFLAGS := -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -I. -fstack-protector-strong \
	       -D_FORTIFY_SOURCE=2 -fPIE
SAN     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -U_FORTIFY_SOURCE
SAN_LINK := -fsanitize=address,undefined
# Where the unit tests and what they test are built.
CHECK   := $(B)/check

PROGRAMS   :=
UNIT_TESTS :=

user_objs  = $(patsubst %.c,$(B)/obj/%.o,$(1))
check_objs = $(patsubst %.c,$(CHECK)/%.o,$(1))

define program
PROGRAMS += $(B)/$(strip $(1))
$(B)/$(strip $(1)): $$(call user_objs,$(2))
	@echo "  LD      $$@"
	@$$(CC) -pie -Wl,-z,relro,-z,now -o $$@ $$^ $(3)
-include $$(patsubst %.o,%.d,$$(call user_objs,$(2)))
endef

define unit_test
UNIT_TESTS += $(CHECK)/tests/unit/$(strip $(1))
$(CHECK)/tests/unit/$(strip $(1)): $$(call check_objs,tests/unit/$(strip $(1)).c $(2))
	@echo "  LD      $$@"
	@$$(CC) $$(SAN_LINK) -o $$@ $$^ -lcriterion $(3)
-include $$(patsubst %.o,%.d,$$(call check_objs,tests/unit/$(strip $(1)).c $(2)))
endef

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(USER_CFLAGS) $(CFLAGS_$(subst /,_,$<)) -MMD -MP -c -o $@ $<

$(CHECK)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC/san  $<"
	@$(CC) $(USER_CFLAGS) $(SAN) $(CFLAGS_$(subst /,_,$<)) -MMD -MP -c -o $@ $<

-include hypervisor/hypervisor.mk
-include xenstore-like/store.mk
-include config/lang.mk
-include dom0-tools/tools.mk
-include backends/backends.mk
-include frontends/frontends.mk
-include $(wildcard tests/unit/hypervisor/*.mk)
-include tests/tests.mk
-include tests/fuzz/fuzz.mk
-include tests/coverage/coverage.mk
-include config/house.mk


# What a person types.  Each target that needs packages, programs or images makes them first, in
# a make of its own, so that fragments see what set-up has just installed.
J     ?= $(shell nproc)
SUB   := $(MAKE) --no-print-directory -j$(J)
# A step of a check that is not itself a test: when it fails, the check says so in the usual form.
STEP   = || { echo "FAILED  build ($@)"; echo "0 passed, 1 failed"; exit 1; }
# System tests run with assertions; what people run is shown by smoke.
CHECKED := PAVANE_HYPERVISOR=$(B)/pavane-debug

.PHONY: help setup programs hypervisor image run guest smoke check check-unit check-models check-abi check-system kernels \
	bench abi-peer fuzz coverage size lint fmt tour clean build-unit build-abi

help:		## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 16

setup:		## install the Debian packages of config/packages.list that are missing
	@config/image/setup.sh

programs: $(PROGRAMS) ## build every userland program

hypervisor:	## build the hypervisor: build/pavane, and build/pavane-debug for the tests

image: setup	## kernel, control domain and guest images, cached in build/image/
	@$(SUB) programs
	@$(SUB) images

run: setup	## hypervisor, control domain and a Debian guest in QEMU, on this terminal
	@$(SUB) hypervisor programs
	@$(SUB) images
	@config/image/run.sh

guest: setup	## NAME=mine: a mini-guest of your own, made from a template, built and started
	@MAKE='$(MAKE)' NAME='$(NAME)' WORDS='$(WORDS)' config/image/newguest.sh

smoke: setup	## the same with nobody at the keyboard: the end-to-end checks, with figures
	@$(SUB) hypervisor programs $(STEP)
	@$(SUB) images kernels-checked $(STEP)
	@tests/run system

check: setup	## everything: lint, unit and golden tests, models, ABI and system tests
	@$(SUB) hypervisor programs build-unit build-abi $(STEP)
	@$(SUB) images kernels-checked $(STEP)
	@$(CHECKED) tests/run all

check-unit: setup ## unit and golden tests: no root, no QEMU, under a minute
	@$(SUB) programs build-unit $(STEP)
	@tests/run unit golden

check-models: setup ## the event protocol, state by state: Promela models, by spin
	@tests/run models

check-abi: setup ## mini-guests that prove the ABI, in QEMU
	@$(SUB) hypervisor build-abi $(STEP)
	@tests/run abi

check-system: setup ## whole machines in QEMU: the tests of smoke, on the debug flavour
	@$(SUB) hypervisor programs $(STEP)
	@$(SUB) images kernels-checked $(STEP)
	@$(CHECKED) tests/run system

kernels: setup	## every kernel of config/kernels.list, fetched and booted; writes the README's table
	@$(SUB) hypervisor programs
	@$(SUB) images kernels-checked
	-@$(SUB) -k kernels-all
	@KERNELS=all TEST_SLOW=$${TEST_SLOW:-8} $(CHECKED) tests/run system kernels; status=$$?; \
		tests/system/lib/kernel-table $(B)/logs/system/kernels.rows README.md && exit $$status

bench: setup	## the race with the peer and with bare Linux: build/bench/
	@$(SUB) hypervisor programs guests
	@$(SUB) images
	@tests/bench/bench

abi-peer: setup	## the ABI suite on the peer: where the two differ, and why; on demand
	@$(SUB) hypervisor build-abi
	@tests/abi/on-peer

fuzz: setup	## parsers for FUZZ_SECONDS each, then hypercalls as long on each of FUZZ_SEEDS; on demand
	@$(SUB) hypervisor build-abi build-fuzz
	@$(SUB) run-fuzz

coverage: setup	## lines and branches of the hypervisor that the ABI suite and unit tests go through: build/coverage/
	@$(SUB) build-coverage $(STEP)
	@tests/coverage/measure

size:		## lines of code of the hypervisor, ring by ring
	@hypervisor/size.sh

lint: setup	## layers, headers, format, static analysis, paths
	@tests/run lint

fmt: setup	## apply .clang-format to every C file
	@tests/lint/sources.sh c | xargs -r clang-format -i

tour:		## the opening comment of each file, in the README's reading order
	@config/image/tour.sh

clean:		## remove what was built; images stay (rm -r build removes them too)
	@find $(B) -mindepth 1 -maxdepth 1 ! -name image -exec rm -rf {} + 2>/dev/null || true
