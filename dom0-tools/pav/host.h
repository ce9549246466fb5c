/* Asking the hypervisor, for commands whose answers pavd does not have. */
#ifndef PAVANE_PAV_HOST_H
#define PAVANE_PAV_HOST_H

#include "dom0-tools/libpav/hcall.h"

/* Prints one line and returns NULL if it cannot be asked. */
struct hcall *host_open(void);

/* All domains, the control domain among them, in *infos, for the caller to free; how many, or -errno. */
int host_domains(struct hcall *h, struct xen_domctl_getdomaininfo **infos);

#endif
