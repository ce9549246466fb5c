/* Wall clock and the time pages of vCPUs (public/xen.h vcpu_time_info). */
#ifndef PAVANE_CORE_TIME_H
#define PAVANE_CORE_TIME_H

#include "lib/types.h"

struct domain;
struct vcpu;

void time_set_wallclock(uint64_t sec, uint32_t nsec, ns_t at);	/* the wall clock was sec.nsec at system time 'at' */
void time_update_domain(struct domain *d);	/* writes shared_info's wall clock */
void time_update_vcpu(struct vcpu *v);		/* writes vcpu_info.time */
uint64_t time_wallclock_sec(void);

#endif
