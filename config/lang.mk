# The .pav language: flex and bison make the scanner and the grammar; the rest is plain C.

LANGB := $(B)/gen/config/lang
LANG_SRCS := $(wildcard config/lang/*.c)
LANG_GEN  := $(LANGB)/lex.c $(LANGB)/parse.tab.c
LANG_LIBS := -luuid

$(LANGB)/parse.tab.c: config/lang/parse.y
	@mkdir -p $(@D)
	@echo "  BISON   $<"
	@bison -Werror -o $@ --header=$(LANGB)/parse.tab.h $<

$(LANGB)/parse.tab.h: $(LANGB)/parse.tab.c ;

$(LANGB)/lex.c: config/lang/lex.l
	@mkdir -p $(@D)
	@echo "  FLEX    $<"
	@flex -o $@ $<

LANG_OBJS := $(call user_objs,$(LANG_SRCS)) $(call check_objs,$(LANG_SRCS))
$(LANG_OBJS): | $(LANGB)/parse.tab.h $(LANGB)/lex.c
$(foreach f,$(LANG_SRCS),$(eval CFLAGS_$(subst /,_,$f) := -I$(B)/gen))

# Named here and not by variables: the fragment that has them is read later.
LANG_TEST_SRCS := $(LANG_SRCS) $(addprefix dom0-tools/,$(addprefix model/,domspec.c domspec_check.c \
		  domspec_json.c) $(addprefix libpav/,die.c log.c ration.c buf.c strlist.c))
$(eval $(call unit_test,config/lang/lang_test,$(LANG_TEST_SRCS),$(LANG_LIBS) -ljson-c))
$(B)/check/tests/unit/config/lang/lang_test.o: | $(LANGB)/parse.tab.h
CFLAGS_tests_unit_config_lang_lang_test.c := -I$(B)/gen
