# Coverage: how much of the hypervisor the ABI suite and the unit tests go through, by gcc's counters.
#   build/pavane-coverage  a third flavour: the debug one with counters, unoptimised so that a line is a line,
#       without UBSan, whose checks would count as branches; the counters are read out of the machine's memory,
#       so nothing in it knows of them (tests/coverage/boot)
#   build/coverage/unit    the unit tests of the hypervisor with counters instead of sanitizers
# The numbers are what make coverage prints: build/coverage/table.md, and html/index.html with the lines in colour.

HV_COVERAGE_CFLAGS := -O0 --coverage -fprofile-info-section -fprofile-update=prefer-atomic \
	-Wl,--defsym,__gcov_merge_add=0
$(eval $(call hypervisor_flavour,$(B)/pavane-coverage,$(B)/coverage/hv,$(HV_COVERAGE_CFLAGS),65536))

# The unit tests once more, in a make of its own with other flags and another folder.
UNIT_COVERAGE := CHECK=$(B)/coverage/unit SAN='-O0 -g --coverage -fprofile-update=prefer-atomic -U_FORTIFY_SOURCE' SAN_LINK=--coverage

.PHONY: build-coverage unit-coverage
build-coverage: $(B)/pavane-coverage build-abi
	@$(MAKE) --no-print-directory $(UNIT_COVERAGE) unit-coverage

unit-coverage: $(filter $(CHECK)/tests/unit/hypervisor/%,$(UNIT_TESTS))
	@mkdir -p $(B)/lists
	@printf '%s\n' $^ >$(B)/lists/unit-coverage
