/*
 * Hypercall console_io: the control domain writes to the machine's console and reads what was typed there.
 * Other guests have a console of their own, in shared memory; what they write here early in their boot is
 * refused, and kept in the guest log for whoever debugs it.
 */
#include "core/console_io.h"

#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "arch/cpu.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/hypercall.h"
#include "core/vcpu.h"

#define INPUT_SIZE 1024u /* a power of two */
#define CHUNK	   128u

/* Bytes in [read, write) wait; both only grow.  Under lock. */
static struct {
	struct spinlock lock;
	unsigned int read, write;
	char ring[INPUT_SIZE];
} input = { .lock = SPINLOCK_INIT(LOCK_LOG) };

void console_input(char c)
{
	bool kept;

	spin_lock(&input.lock);
	kept = input.write - input.read < INPUT_SIZE;
	if (kept) {
		input.ring[input.write++ % INPUT_SIZE] = c;
	}
	spin_unlock(&input.lock);
	if (kept) {
		evtchn_send_global_virq(VIRQ_CONSOLE);
	}
}

static unsigned int take_input(char *to, unsigned int max)
{
	unsigned int n = 0;

	spin_lock(&input.lock);
	while (n < max && input.read != input.write) {
		to[n++] = input.ring[input.read++ % INPUT_SIZE];
	}
	spin_unlock(&input.lock);
	return n;
}

/* They wait again, as far as nothing newer has taken their place. */
static void put_back(unsigned int n)
{
	spin_lock(&input.lock);
	input.read -= MIN(n, INPUT_SIZE - (input.write - input.read));
	spin_unlock(&input.lock);
}

static long read_input(gva_t buf, unsigned int count)
{
	char chunk[CHUNK];
	unsigned int done = 0, n;

	while (done < count && (n = take_input(chunk, MIN(count - done, CHUNK))) != 0) {
		if (copy_bytes_out(buf + done, chunk, n)) {
			put_back(n);
			return done ? (long)done : -XEN_EFAULT;
		}
		done += n;
	}
	return (long)done;
}

static long write_output(gva_t buf, unsigned int count)
{
	char chunk[CHUNK];

	while (count) {
		unsigned int n = MIN(count, CHUNK);

		if (copy_bytes_in(chunk, buf, n)) {
			return -XEN_EFAULT;
		}
		log_write_raw(chunk, n);
		buf += n;
		count -= n;
		if (count && hypercall_preempt()) {
			return hypercall_restart(__HYPERVISOR_console_io, CONSOLEIO_write, count,
						 buf, 0, 0);
		}
	}
	return 0;
}

/* One line of a guest that has no right to the console: printable, and cut to a sensible length. */
static void log_refused(const struct domain *d, gva_t buf, unsigned int count)
{
	char text[CHUNK];
	unsigned int i, n = MIN(count, CHUNK - 1);

	if (cpu_copy_from_guest(text, buf, n)) {
		return;
	}
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
		n--;
	}
	for (i = 0; i < n; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			text[i] = '.';
		}
	}
	text[n] = '\0';
	log_guest(LOG_DEBUG, d->id, "%s", text);
}

long do_console_io(uint64_t cmd, uint64_t count, uint64_t buf, uint64_t a4, uint64_t a5)
{
	const struct domain *d = cpu_current()->domain;

	(void)a4;
	(void)a5;
	if (!d->privileged) {
		if ((uint32_t)cmd == CONSOLEIO_write) {
			log_refused(d, buf, (unsigned int)count);
		}
		return refuse(-XEN_EPERM, REASON_CONSOLE_NOT_YOURS);
	}
	if ((int)count < 0) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, count);
	}
	switch ((uint32_t)cmd) { /* an int in the ABI, as is count */
	case CONSOLEIO_write:
		return write_output(buf, (unsigned int)count);
	case CONSOLEIO_read:
		return read_input(buf, (unsigned int)count);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}
