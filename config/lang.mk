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
