/* What <xen/io/ring.h> needs of the machine; included before it. */
#ifndef PAVANE_DRV_BARRIERS_H
#define PAVANE_DRV_BARRIERS_H

#include <stdint.h>

#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#endif
