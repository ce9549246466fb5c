/* What the control hypercalls ask of the rest of the hypervisor, answered from here. */
#ifndef PAVANE_TESTS_CTL_FAKE_H
#define PAVANE_TESTS_CTL_FAKE_H

#include "core/domain.h"

struct ctl_fake {
	struct domain_config config; /* of the last domain_create() */
	domid_t asked_id;
	int create_answer, kill_answer, context_answer, affinity_answer;
	unsigned int kills, pauses, unpauses, resumes, clock_updates;
	unsigned long context_rip;
	const char *log;
};
extern struct ctl_fake ctl;

#endif
