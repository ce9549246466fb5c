/* In place of frontends/rt/hcall.h where the mini-guest's drivers run on the host: see tests/fake/rt_fake.h. */
#ifndef PAVANE_RT_HCALL_H
#define PAVANE_RT_HCALL_H

#include <stdint.h>

#include <xen/xen.h>

long event_op(int cmd, void *arg);
long grant_op(int cmd, void *ops, unsigned int count);
long update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags);

#endif
