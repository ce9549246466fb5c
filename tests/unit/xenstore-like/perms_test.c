/* Permission lists on the wire, and who they let in. */
#include "xenstore-like/perms.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PERMS(text) perms_parse(text, sizeof(text))

static const struct actor dom0 = { .domid = 0, .target = 0, .privileged = true };
static const struct actor dom5 = { .domid = 5, .target = 5 };
static const struct actor dom7 = { .domid = 7, .target = 7 };
static const struct actor dom9 = { .domid = 9, .target = 9 };
static const struct actor stub = { .domid = 8, .target = 7 };

Test(perms, text_form_round_trips)
{
	static const char text[] = "n0\0r5\0w7\0b32751";
	struct perms *p = PERMS(text);
	char out[64];

	cr_assert_not_null(p);
	cr_assert_eq(p->count, 4);
	cr_assert_eq(perms_format(p, out, sizeof(out)), sizeof(text));
	cr_assert_arr_eq(out, text, sizeof(text));
	perms_put(p);
}

Test(perms, malformed_lists_are_refused)
{
	cr_expect_null(perms_parse("", 0));
	cr_expect_null(perms_parse("n0", 2), "not terminated");
	cr_expect_null(PERMS(""));
	cr_expect_null(PERMS("n"));
	cr_expect_null(PERMS("x0"));
	cr_expect_null(PERMS("n0x"));
	cr_expect_null(PERMS("n-1"));
	cr_expect_null(PERMS("n32752"), "reserved domain numbers");
	cr_expect_null(PERMS("n99999999999999999999999"));
	cr_expect_null(PERMS("n0\0"), "an empty entry at the end");
}

Test(perms, the_owner_and_the_control_domain_may_everything)
{
	struct perms *p = PERMS("n5");

	cr_assert(perms_allow(p, &dom5, PERM_READ | PERM_WRITE));
	cr_assert(perms_allow(p, &dom0, PERM_READ | PERM_WRITE));
	cr_assert_not(perms_allow(p, &dom7, PERM_READ));
	cr_assert(perms_allow(p, &dom7, PERM_NONE));
	perms_put(p);
}

Test(perms, an_entry_of_ones_own_overrides_what_others_may)
{
	struct perms *p = PERMS("b0\0n5\0r7");

	cr_assert_not(perms_allow(p, &dom5, PERM_READ));
	cr_assert(perms_allow(p, &dom7, PERM_READ));
	cr_assert_not(perms_allow(p, &dom7, PERM_WRITE));
	cr_assert(perms_allow(p, &dom9, PERM_READ | PERM_WRITE));
	perms_put(p);
}

Test(perms, a_domain_has_the_rights_of_its_target)
{
	struct perms *p = PERMS("n7");

	cr_assert(perms_owned_by(p, &stub));
	cr_assert(perms_allow(p, &stub, PERM_WRITE));
	perms_put(p);
}

Test(perms, a_domain_that_is_gone_is_named_nowhere)
{
	struct perms *p = PERMS("n5\0r7\0b5\0w9");
	struct perms *q = perms_without(p, 5);
	char out[32];

	cr_assert_not_null(q);
	cr_assert_eq(perms_format(q, out, sizeof(out)), sizeof("n0\0r7\0w9"));
	cr_assert_arr_eq(out, "n0\0r7\0w9", sizeof("n0\0r7\0w9"));
	cr_assert_null(perms_without(q, 5));
	perms_put(p);
	perms_put(q);
}
