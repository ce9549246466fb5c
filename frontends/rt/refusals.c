/*
 * Why the hypervisor said no: the last record of its own that a guest can read of itself (hypervisor/abi/reason.h).
 * And the watch over a test's hypercalls: none is refused without a reason on record.
 */
#include "frontends/rt/test.h"

#include "hypervisor/abi/reason.h"
#include "hypervisor/lib/string.h"

#include <xen/version.h>

static const char *const reason_names[REASONS] = {
#define REASON(name, what, remedy) [REASON_##name] = #name,
#include "hypervisor/abi/reasons.h"
#undef REASON
};

const char *reason_name(unsigned int reason)
{
	return reason < REASONS && reason_names[reason] ? reason_names[reason] : "none";
}

bool is_pavane(void)
{
	static int known; /* 1 no, 2 yes */
	xen_extraversion_t extra = { 0 };

	if (!known) {
		known = !version_op(XENVER_extraversion, extra) && strstr(extra, "pavane") ? 2 : 1;
	}
	return known == 2;
}

/* The newest records, oldest first; how many there are. */
static unsigned int newest(struct pavane_refusal *list, unsigned int room)
{
	struct pavane_refusals req = { .domid = DOMID_SELF,
				       .count = room,
				       .records = ptr_arg(list) };

	return hcall2(__HYPERVISOR_pavane_op, PAVANE_OP_refusals, ptr_arg(&req)) ? 0 : req.count;
}

unsigned int last_reason(uint64_t *value)
{
	struct pavane_refusal last = { 0 };

	newest(&last, 1);
	if (value) {
		*value = last.value;
	}
	return last.reason;
}

/* Their first argument moves on, if they were interrupted. */
static bool list_of_requests(unsigned int nr)
{
	return nr == __HYPERVISOR_mmu_update || nr == __HYPERVISOR_mmuext_op;
}

/* Another vCPU may have been refused something since: so not only the last is looked at. */
void hcall_watch(unsigned int nr, uint64_t a1, long rc)
{
	struct pavane_refusal list[PAVANE_REFUSALS];

	if (!is_pavane()) {
		return;
	}
	for (unsigned int i = newest(list, PAVANE_REFUSALS); i-- > 0;) {
		if (list[i].call == nr && list[i].status == rc &&
		    (list_of_requests(nr) || list[i].op == (uint32_t)a1)) {
			return;
		}
	}
	checks_failed++;
	print("  BAD  hypercall %u (%#lx) was refused (%ld) without a reason on record\n", nr,
	      (unsigned long)a1, rc);
}
