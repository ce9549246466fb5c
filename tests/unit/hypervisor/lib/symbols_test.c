/* Addresses get the name of the function that they lie in. */
#include "lib/symbols.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
	uint32_t count, start[3];
	char names[16];
} table = { 3, { 0xd0100000, 0xd0100010, 0xd0100400 }, "a\0second\0last" };

static const struct symbols *symbols(void)
{
	return (const struct symbols *)&table;
}

Test(symbols, an_address_is_in_the_function_that_starts_at_or_before_it)
{
	uint32_t offset = 99;

	cr_assert_str_eq(symbols_find(symbols(), 0xd0100000, &offset), "a");
	cr_assert_eq(offset, 0);
	cr_assert_str_eq(symbols_find(symbols(), 0xd010000f, &offset), "a");
	cr_assert_eq(offset, 15);
	cr_assert_str_eq(symbols_find(symbols(), 0xd0100010, &offset), "second");
	cr_assert_eq(offset, 0);
	cr_assert_str_eq(symbols_find(symbols(), 0xd01003ff, &offset), "second");
	cr_assert_str_eq(symbols_find(symbols(), 0xffffffff, &offset), "last");
}

Test(symbols, before_the_first_and_in_an_empty_table_is_nothing)
{
	static const uint32_t empty[2];
	uint32_t offset;

	cr_assert_null(symbols_find(symbols(), 0xd00fffff, &offset));
	cr_assert_null(symbols_find((const struct symbols *)empty, 5, &offset));
}
