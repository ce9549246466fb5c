/* The hypervisor's answers; host.h says for whom. */
#include "dom0-tools/pav/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "dom0-tools/libpav/die.h"

#define MAX_DOMAINS 1024

struct hcall *host_open(void)
{
	char *err = NULL;
	struct hcall *h = hcall_open(&err);

	if (!h) {
		fprintf(stderr, "pav: %s\n", err);
		free(err);
	}
	return h;
}

int host_domains(struct hcall *h, struct xen_domctl_getdomaininfo **infos)
{
	*infos = xcalloc(MAX_DOMAINS, sizeof(**infos));
	return hcall_domain_list(h, 0, *infos, MAX_DOMAINS);
}
