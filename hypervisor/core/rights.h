/* Every permission question, in one place. */
#ifndef PAVANE_CORE_RIGHTS_H
#define PAVANE_CORE_RIGHTS_H

#include "lib/types.h"

struct domain;

bool rights_control(const struct domain *subject,
		    const struct domain *object);   /* domctl, foreign maps */
bool rights_iomem(const struct domain *d, mfn_t m); /* map a frame that is not RAM */
bool rights_ioport(const struct domain *d, unsigned int port, unsigned int bytes);
/* Device memory that the hypervisor keeps for itself (local APIC, IO-APIC, its own tables). */
void rights_reserve_iomem(mfn_t first, uint64_t count);
void rights_reserve_ioport(unsigned int first, unsigned int count);

#endif
