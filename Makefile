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

PROGRAMS   :=
UNIT_TESTS :=

user_objs  = $(patsubst %.c,$(B)/obj/%.o,$(1))
check_objs = $(patsubst %.c,$(B)/check/%.o,$(1))

define program
PROGRAMS += $(B)/$(strip $(1))
$(B)/$(strip $(1)): $$(call user_objs,$(2))
	@echo "  LD      $$@"
	@$$(CC) -pie -Wl,-z,relro,-z,now -o $$@ $$^ $(3)
-include $$(patsubst %.o,%.d,$$(call user_objs,$(2)))
endef

define unit_test
UNIT_TESTS += $(B)/check/tests/unit/$(strip $(1))
$(B)/check/tests/unit/$(strip $(1)): $$(call check_objs,tests/unit/$(strip $(1)).c $(2))
	@echo "  LD      $$@"
	@$$(CC) -fsanitize=address,undefined -o $$@ $$^ -lcriterion $(3)
-include $$(patsubst %.o,%.d,$$(call check_objs,tests/unit/$(strip $(1)).c $(2)))
endef

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(USER_CFLAGS) $(CFLAGS_$(subst /,_,$<)) -MMD -MP -c -o $@ $<

$(B)/check/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC/san  $<"
	@$(CC) $(USER_CFLAGS) $(SAN) $(CFLAGS_$(subst /,_,$<)) -MMD -MP -c -o $@ $<

-include hypervisor/hypervisor.mk
-include xenstore-like/store.mk
-include config/lang.mk
-include dom0-tools/tools.mk
-include backends/backends.mk
-include frontends/frontends.mk
-include tests/tests.mk
-include config/house.mk

.PHONY: help programs
help:		## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 20

programs: $(PROGRAMS)	## build every userland program
