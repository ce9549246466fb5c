/*
 * What comes in on the console goes to the control domain until Ctrl-a is pressed three times in a row; then
 * single keys ask the hypervisor, until three more.  Answers go to the log.  This works as long as
 * some CPU takes interrupts, however stuck the control domain is.
 */
#include "core/debugkeys.h"

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/log.h"
#include "core/console_io.h"
#include "core/domain.h"
#include "core/evtchn_port.h"
#include "core/vcpu.h"
#include "lib/fmt.h"
#include "mm/alloc.h"

#define SWITCH	     0x01 /* Ctrl-a */
#define SWITCH_TIMES 3
#define MAX_KEYS     24

static void show_help(void);

/* --- the keys --- */

static const char *vcpu_state(struct vcpu *v)
{
	uint32_t flags = atomic_load(&v->pause_flags);

	return atomic_load(&v->running)		     ? "running"
	       : flags & VPF_DOWN		     ? "down"
	       : flags & VPF_PAUSED		     ? "paused"
	       : flags & VPF_SHUTDOWN		     ? "shut down"
	       : flags & (VPF_BLOCKED | VPF_POLLING) ? "blocked"
						     : "ready";
}

static void show_vcpus(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v) {
			log_info("  d%uv%u: %s on CPU %u, flags %#x, events %s%s", d->id, v->id,
				 vcpu_state(v), atomic_load(&v->cpu), atomic_load(&v->pause_flags),
				 v->info->evtchn_upcall_pending ? "pending" : "none",
				 v->info->evtchn_upcall_mask ? ", masked" : "");
		}
	}
}

/* Over all domains, each referenced while it is looked at. */
static void each_domain(void (*fn)(struct domain *d))
{
	struct domain *d;

	for (domid_t id = 0; (d = domain_get_from(id)) != NULL;) {
		fn(d);
		id = (domid_t)(d->id + 1);
		domain_put(d);
	}
}

static void show_domain(struct domain *d)
{
	log_info("d%u: %lu of %lu pages, %u ports, %u references%s%s", d->id,
		 (unsigned long)d->pages.total, (unsigned long)d->pages.max, d->evtchn.active,
		 atomic_load(&d->refs), d->shutdown ? ", shut down" : "",
		 d->dying ? ", dying" : "");
	show_vcpus(d);
}

static void show_domains(void)
{
	log_info("time %ld ns, %lu frames free", (long)cpu_time_now(),
		 (unsigned long)alloc_free_count());
	each_domain(show_domain);
}

static void show_cpu(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] && atomic_load(&d->vcpu[i]->running)) {
			log_info("CPU %u runs d%uv%u", atomic_load(&d->vcpu[i]->cpu), d->id, i);
		}
	}
}

static void show_cpus(void)
{
	log_info("%u CPUs, this is %u; those not named are idle", cpu_count(), cpu_id());
	each_domain(show_cpu);
}

static const char *port_state(const struct evtchn *c)
{
	static const char *const names[] = { "closed", "unbound", "interdomain",
					     "pirq",   "virq",	  "ipi" };

	return c->state < ARRAY_SIZE(names) ? names[c->state] : "?";
}

static unsigned int peer_of(const struct evtchn *c)
{
	switch (c->state) {
	case EVTCHNSTAT_unbound:
		return c->unbound.domid;
	case EVTCHNSTAT_interdomain:
		return c->remote.dom->id;
	case EVTCHNSTAT_pirq:
		return c->pirq;
	case EVTCHNSTAT_virq:
		return c->virq;
	default:
		return 0;
	}
}

/* Under the lock: a line about the port, empty if it is closed.  False: the table ends before it. */
static bool describe_port(struct domain *d, evtchn_port_t port, char *line, size_t size)
{
	const struct evtchn *c = evtchn_channel(&d->evtchn, port);

	*line = 0;
	if (c && c->state != EVTCHNSTAT_closed) {
		fmt_snprintf(line, size, "  %4u %s %u to v%u%s%s", port, port_state(c), peer_of(c),
			     c->vcpu, evtchn_is_pending(d, c) ? " pending" : "",
			     evtchn_is_masked(d, c) ? " masked" : "");
	}
	return c != NULL;
}

/* Each channel is read under the lock and printed outside it: the log is slow. */
static void show_ports(struct domain *d)
{
	char line[80];
	bool more = true;

	log_info("d%u: event channels, %s", d->id, d->evtchn.fifo ? "FIFO" : "2-level");
	for (evtchn_port_t port = 1; more; port++) {
		spin_lock(&d->evtchn.lock);
		more = describe_port(d, port, line, sizeof(line));
		spin_unlock(&d->evtchn.lock);
		if (*line) {
			log_info("%s", line);
		}
	}
}

static void show_events(void)
{
	each_domain(show_ports);
}

static void reboot(void)
{
	cpu_reboot();
}

static struct debugkey {
	char key;
	const char *help;
	void (*fn)(void);
} keys[MAX_KEYS] = {
	{ 'h', "this list", show_help },
	{ 'd', "what each CPU runs", show_cpus },
	{ 'q', "domains and their vCPUs", show_domains },
	{ 'e', "event channels", show_events },
	{ 'R', "reboot the machine", reboot },
};

static void show_help(void)
{
	for (unsigned int i = 0; i < MAX_KEYS && keys[i].key; i++) {
		log_info("  %c  %s", keys[i].key, keys[i].help);
	}
	log_info("  three times Ctrl-a: input back to the control domain");
}

/* --- dispatch --- */

void debugkeys_register(char key, const char *help, void (*fn)(void))
{
	for (unsigned int i = 0; i < MAX_KEYS; i++) {
		if (!keys[i].key || keys[i].key == key) {
			keys[i] = (struct debugkey){ key, help, fn };
			return;
		}
	}
}

void debugkeys_press(char key)
{
	for (unsigned int i = 0; i < MAX_KEYS && keys[i].key; i++) {
		if (keys[i].key == key) {
			keys[i].fn();
			return;
		}
	}
	log_info("no such key; h for help");
}

void upcall_console_byte(char c)
{
	/* One serial line, one interrupt at a time: no lock. */
	static unsigned int switches;
	static bool to_us;

	switches = c == SWITCH ? switches + 1 : 0;
	if (switches == SWITCH_TIMES) {
		switches = 0;
		to_us = !to_us;
		log_info("console input to %s",
			 to_us ? "the hypervisor (h for help)" : "the control domain");
	} else if (!to_us) {
		console_input(c);
	} else if (c != SWITCH && c != '\r' && c != '\n') {
		debugkeys_press(c);
	}
}
