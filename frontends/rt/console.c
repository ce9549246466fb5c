/* Text goes to the emergency console, and through the ring of the guest's own console if it has one. */
#include "frontends/rt/rt.h"

#include <stdarg.h>

#include <xen/event_channel.h>
#include <xen/io/console.h>

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

static struct xencons_interface *ring;
/* How often a full ring is looked at: at first for as long as a backend may take to come, and then as if there were none. */
static unsigned int patience = 200000;
static bool refused; /* the emergency console, to a guest that has its own */

void console_init(void)
{
	if (!is_control_domain() && start_info->console.domU.mfn) {
		ring = pfn_to_virt(mfn_to_pfn(start_info->console.domU.mfn));
		refused = console_io(CONSOLEIO_write, 0, "") < 0;
	}
}

static void tell_backend(void)
{
	struct evtchn_send send = { .port = start_info->console.domU.evtchn };

	event_op(EVTCHNOP_send, &send);
}

static void ring_write(const char *s, size_t n)
{
	XENCONS_RING_IDX prod = ring->out_prod;

	for (size_t i = 0; i < n; i++) {
		/* A full ring is for the backend to empty; without one the text is on the other console anyway. */
		for (unsigned int tries = 0;
		     prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >= sizeof(ring->out);
		     tries++) {
			if (tries == patience) {
				patience = 1000;
				return;
			}
			tell_backend();
			hcall2(__HYPERVISOR_sched_op, 0, 0);
		}
		ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = s[i];
		__atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
	}
	tell_backend();
}

void print(const char *fmt, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, fmt);
	fmt_vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	n = strlen(line);
	if (!refused) {
		console_io(CONSOLEIO_write, (unsigned int)n, line);
	}
	if (ring) {
		ring_write(line, n);
	}
}
