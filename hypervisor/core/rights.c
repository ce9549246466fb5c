/*
 * Who may do what.  Today's policy is short: the control domain controls every domain and owns all
 * devices, except for what the hypervisor keeps to itself; other domains have themselves.
 * Finer grants (device pass-through) would add sets per domain here and nowhere else.
 */
#include "core/rights.h"

#include "base/bug.h"
#include "core/domain.h"
#include "lib/rangeset.h"

#define MAX_RESERVED 64

/* Filled during boot, read only afterwards: no lock. */
static struct range iomem_room[MAX_RESERVED], ioport_room[MAX_RESERVED];
static struct rangeset reserved_iomem = { iomem_room, 0, MAX_RESERVED };
static struct rangeset reserved_ioport = { ioport_room, 0, MAX_RESERVED };

bool rights_control(const struct domain *subject, const struct domain *object)
{
	(void)object;
	return subject->privileged;
}

bool rights_iomem(const struct domain *d, mfn_t m)
{
	return d->hardware && !rangeset_overlaps(&reserved_iomem, m.n, m.n);
}

bool rights_ioport(const struct domain *d, unsigned int port, unsigned int bytes)
{
	return d->hardware && bytes && port + bytes <= 0x10000 &&
	       !rangeset_overlaps(&reserved_ioport, port, port + bytes - 1);
}

void rights_reserve_iomem(mfn_t first, uint64_t count)
{
	if (count && !rangeset_add(&reserved_iomem, first.n, first.n + count - 1)) {
		panic("rights: too many reserved memory ranges");
	}
}

void rights_reserve_ioport(unsigned int first, unsigned int count)
{
	if (count && !rangeset_add(&reserved_ioport, first, first + count - 1)) {
		panic("rights: too many reserved port ranges");
	}
}
