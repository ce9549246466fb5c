/* The table of reasons, as people meet it. */
#include "dom0-tools/libpav/reason.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "hypervisor/abi/reason.h"

Test(reason, every_code_has_its_words)
{
	cr_assert_null(reason_text(REASON_NONE));
	cr_assert_null(reason_text(REASONS));
	for (unsigned int i = 1; i < reason_count(); i++) {
		const struct reason_text *t = reason_text(i);
		size_t n = strlen(t->remedy);

		cr_assert_eq(reason_find(t->name), i);
		cr_assert(t->what[0] >= 'a' && t->what[strlen(t->what) - 1] != '.',
			  "%s: a clause, to which a full stop is added: %s", t->name, t->what);
		cr_assert_eq(t->remedy[n - 1], '.', "%s: sentences: %s", t->name, t->remedy);
	}
}

Test(reason, is_found_however_it_is_written)
{
	cr_assert_eq(reason_find("no-such-domain"), REASON_NO_SUCH_DOMAIN);
	cr_assert_eq(reason_find("REASON_NO_SUCH_DOMAIN"), REASON_NO_SUCH_DOMAIN);
	cr_assert_eq(reason_find("1"), 1);
	cr_assert_eq(reason_find("99999"), 0);
	cr_assert_eq(reason_find("-1"), 0);
	cr_assert_eq(reason_find(""), 0);
	cr_assert_eq(reason_find("NO_SUCH_DOMAI"), 0);
	cr_assert_str_eq(reason_nearest("NO_SUCH_DOMAI"), "NO_SUCH_DOMAIN");
	cr_assert_str_eq(reason_nearest("context"), "VCPU_HAS_CONTEXT");
	cr_assert_null(reason_nearest("xyzzy"));
	cr_assert_null(reason_nearest(""));
}

Test(reason, names_calls_and_statuses)
{
	char b[32];

	cr_assert_str_eq(reason_call(__HYPERVISOR_mmu_update, b, sizeof(b)), "mmu_update");
	cr_assert_str_eq(reason_call(47, b, sizeof(b)), "hypercall 47");
	cr_assert_str_eq(reason_call(4711, b, sizeof(b)), "hypercall 4711");
	cr_assert_str_eq(reason_call(PAVANE_NO_CALL, b, sizeof(b)), "an instruction");
	cr_assert_str_eq(reason_status(__HYPERVISOR_mmu_update, -EINVAL, b, sizeof(b)), "EINVAL");
	cr_assert_str_eq(reason_status(__HYPERVISOR_grant_table_op, -3, b, sizeof(b)),
			 "GNTST_bad_gntref");
	cr_assert_str_eq(reason_status(__HYPERVISOR_grant_table_op, -EFAULT, b, sizeof(b)),
			 "EFAULT");
	cr_assert_str_eq(reason_status(__HYPERVISOR_mmu_update, -4000, b, sizeof(b)), "-4000");
	cr_assert_str_eq(reason_status(__HYPERVISOR_mmu_update, 0, b, sizeof(b)), "0");
}
