/* The devices' side of the control domain's rights; the hypercall itself is in core/hypercall.h. */
#ifndef PAVANE_CTL_PHYSDEV_H
#define PAVANE_CTL_PHYSDEV_H

/* Keeps from the control domain what the hypervisor drives itself: APICs, PICs, its serial line. After ioapic_init(). */
void physdev_init(void);

#endif
