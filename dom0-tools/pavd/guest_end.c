/*
 * The end of a guest: noticing it, taking it apart until nothing is left, and beginning
 * its next life if its spec says so.
 */
#include "dom0-tools/pavd/guest_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/devs/attach.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/pavd/policy.h"

#define END_POLL_MS	   10 /* how often to ask whether a destroyed domain has gone */
#define END_POLL_MAX_MS	   200
#define HELPER_PATIENCE_MS 5000 /* then a helper of a dead domain is killed */
#define READER_PATIENCE_MS 2000 /* then nobody is going to read its console */

static void finish_end(struct guest *g);

static void remove_guest(struct guest *g)
{
	struct guest **at = &guests_all;

	while (*at != g) {
		at = &(*at)->next;
	}
	*at = g->next;
}

static void free_guest(struct guest *g)
{
	while (g->devices) {
		struct device *d = g->devices;

		g->devices = d->next;
		device_free(d);
	}
	loop_cancel(g->end_timer);
	domspec_free(g->spec);
	free(g->create_error);
	free(g);
}

static bool helpers_left(const struct guest *g)
{
	for (const struct device *d = g->devices; d; d = d->next) {
		if (d->proc) {
			return true;
		}
	}
	return false;
}

static void poll_end(void *arg)
{
	struct guest *g = arg;
	struct xen_domctl_getdomaininfo info;
	bool domain_left = g->domid && hcall_domain_info(guests_hcall, g->domid, &info) != -ESRCH;
	unsigned int before = g->end_waited_ms;

	g->end_timer = NULL;
	if (!domain_left && !helpers_left(g)) {
		finish_end(g);
		return;
	}
	g->end_waited_ms += g->end_poll_ms;
	if (before < HELPER_PATIENCE_MS && g->end_waited_ms >= HELPER_PATIENCE_MS) {
		for (struct device *d = g->devices; d; d = d->next) {
			if (d->proc) {
				log_warn("%s: the helper of %s does not end; killing it",
					 g->spec->name, d->label);
				proc_kill(d->proc, SIGKILL);
			}
		}
		if (!helpers_left(g)) {
			log_warn("%s: the hypervisor still holds domain %u", g->spec->name,
				 g->domid);
		}
	}
	g->end_poll_ms = g->end_poll_ms * 2 < END_POLL_MAX_MS ? g->end_poll_ms * 2
							      : END_POLL_MAX_MS;
	g->end_timer = loop_after(g->end_poll_ms, poll_end, g);
}

/*
 * Takes a guest apart.  The domain stops first; then its nodes go, which is
 * how the console daemon and the helpers learn of it; then the domain itself.
 * Its frames return to the hypervisor when the last helper has unmapped them.
 */
void guest_begin_end(struct guest *g)
{
	if (g->ending) {
		return;
	}
	g->ending = true;
	loop_cancel(g->end_timer);
	g->end_timer = NULL;
	g->end_waited_ms = 0;
	if (g->domid) {
		hcall_domain_pause(guests_hcall, g->domid);
	}
	for (struct device *d = g->devices; d; d = d->next) {
		if (d->proc) {
			proc_expect_end(d->proc);
		}
		if (g->domid) {
			attach_remove_device(guests_store, g->domid, d->kind, d->id);
		}
	}
	if (g->domid) {
		int rc;

		attach_remove_domain(guests_store, g->domid, g->spec->uuid);
		rc = hcall_domain_destroy(guests_hcall, g->domid);
		if (rc < 0 && rc != -ESRCH) {
			log_error("%s: destroying domain %u: %s", g->spec->name, g->domid,
				  strerror(-rc));
		}
		store_release(guests_store, g->domid);
	}
	guest_save(g);
	g->end_poll_ms = END_POLL_MS;
	g->end_timer = loop_after(0, poll_end, g);
}

/* The same spec in a new domain; the old guest's claims must have been dropped by then. */
static void begin_next_life(struct guest *g)
{
	unsigned int quick = g->quick_deaths;
	struct domspec *spec = g->spec;
	char *name = xstrdup(spec->name);
	struct guest *next;

	if (g->generated_uuid) {
		memset(spec->uuid, 0, sizeof(spec->uuid));
	}
	g->spec = domspec_new("");
	free_guest(g);
	guest_create(spec, guest_ignore_done, NULL);
	next = guest_find(name);
	if (next) {
		next->quick_deaths = quick;
	}
	free(name);
}

/* Its last trace has gone: tell whoever waits, and begin its next life if it has one. */
static void finish_end(struct guest *g)
{
	char *err = g->create_error;

	guest_end_detaches(g);
	remove_guest(g);
	guest_unsave(g);
	if (err) {
		log_info("%s: not created: %s", g->spec->name, err);
	} else {
		log_info("%s: domain %u has gone", g->spec->name, g->domid);
	}
	guest_tell_waiters(g, err);
	if (g->restart && !err) {
		begin_next_life(g);
	} else {
		free_guest(g);
	}
}

void guest_destroy(struct guest *g, guest_done_fn *done, void *arg)
{
	g->restart = false;
	guest_add_waiter(g, done, arg);
	guest_begin_end(g);
}

/* Whether the console daemon has yet to take up its console, as it may with a guest that ends moments after its start. */
static bool console_waits(const struct guest *g)
{
	uint64_t port;

	return store_read_uint64(guests_store, STORE_NO_TX, &port, "/local/domain/%u/console/port",
				 g->domid) == 0 &&
	       hcall_evtchn_waits(guests_hcall, g->domid, (evtchn_port_t)port) == 1;
}

/* What it wrote last is in its memory, which goes with it. */
static void begin_end_when_heard(void *arg)
{
	struct guest *g = arg;

	g->end_timer = NULL;
	if (g->end_waited_ms >= READER_PATIENCE_MS || !console_waits(g)) {
		guest_begin_end(g);
		return;
	}
	g->end_waited_ms += END_POLL_MS;
	g->end_timer = loop_after(END_POLL_MS, begin_end_when_heard, g);
}

/* The guest has ended by itself: do what its spec says. */
static void act_on_shutdown(struct guest *g, unsigned int code)
{
	enum domspec_action action = policy_on_shutdown(g->spec, code);

	g->ended_itself = true;
	log_info("%s: domain %u ended: %s", g->spec->name, g->domid, policy_shutdown_name(code));
	if (action == DOMSPEC_PRESERVE) {
		guest_tell_waiters(g, NULL);
		return;
	}
	g->restart = action == DOMSPEC_RESTART;
	if (g->restart && !policy_may_restart((unsigned int)(guest_seconds_now() - g->started),
					      &g->quick_deaths)) {
		log_error("%s: ended %d times in a row within %d s of its start; not started again",
			  g->spec->name, POLICY_MAX_QUICK, POLICY_QUICK_SECONDS);
		g->restart = false;
	}
	begin_end_when_heard(g);
}

void guests_check(void)
{
	struct guest *next;

	for (struct guest *g = guests_all; g; g = next) {
		struct xen_domctl_getdomaininfo info;
		unsigned int code;
		int rc;

		next = g->next;
		if (g->ending) {
			continue;
		}
		rc = hcall_domain_info(guests_hcall, g->domid, &info);
		if (rc == -ESRCH || (rc == 0 && info.flags & XEN_DOMINF_dying)) {
			log_warn("%s: domain %u was destroyed by someone else", g->spec->name,
				 g->domid);
			guest_begin_end(g);
		} else if (rc == 0 && policy_has_shut_down(info.flags, &code) && !g->ended_itself) {
			act_on_shutdown(g, code);
		}
	}
}
