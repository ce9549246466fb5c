/* Compiles the grammar that bison made of parse.y. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <config/lang/parse.tab.c>
