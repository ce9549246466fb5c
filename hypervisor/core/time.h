/* Wall clock and the time pages of vCPUs (public/xen.h vcpu_time_info). */
#ifndef PAVANE_CORE_TIME_H
#define PAVANE_CORE_TIME_H

#include "lib/types.h"

struct domain;
struct vcpu;

void time_init(void);
/* The wall clock was sec.nsec at system time 'at'; every domain is told. */
void time_set_wallclock(uint64_t sec, uint32_t nsec, ns_t at);
void time_update_domain(struct domain *d); /* writes shared_info's wall clock */
void time_update_vcpu(
	struct vcpu *v); /* writes vcpu_info.time and the registered second copy, for this CPU */
void time_refresh_vcpu(struct vcpu *v); /* the same if it moved here or the page is getting old */
int time_register_area(struct vcpu *v, gva_t gva); /* second copy of the time page; 0 clears */
void time_release_area(struct vcpu *v);
uint64_t time_wallclock_sec(void);

#endif
