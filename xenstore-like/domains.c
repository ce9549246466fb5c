/* Domains: mapping rings, binding channels, noticing that somebody is gone. */
#include "xenstore-like/domains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "xenstore-like/conn.h"
#include "xenstore-like/dump.h"
#include "xenstore-like/mem.h"
#include "xenstore-like/ring.h"
#include "xenstore-like/watch.h"

#define PAGE_BYTES 4096
#define NO_PORT	   (-1)

enum mapping { MAP_NONE, MAP_KERNEL, MAP_GRANT, MAP_FOREIGN };

struct domain {
	struct domain *next;
	unsigned int domid;
	unsigned int remote; /* its end of the channel, as it was introduced */
	uint64_t mfn;
	int port; /* our end */
	enum mapping mapped;
	void *page;
	struct ring ring;
	struct conn *conn; /* NULL: the ring was broken and is closed */
	bool ready;	   /* may have requests */
	bool told;	   /* its shutdown has been announced */
};

struct domains {
	struct storage *st;
	struct domains_listener tell;
	xenevtchn_handle *evtchn;
	xengnttab_handle *gnttab;
	xenforeignmemory_handle *foreign;
	xencall_handle *call;
	struct xen_domctl *domctl; /* memory a hypercall may use */
	int virq;
	struct domain *list;
};

static struct domain *find_domain(const struct domains *ds, unsigned int domid)
{
	for (struct domain *d = ds->list; d; d = d->next) {
		if (d->domid == domid) {
			return d;
		}
	}
	return NULL;
}

/* ---- mapping and binding ---- */

static int map_ring(struct domains *ds, struct domain *d, uint64_t mfn)
{
	xen_pfn_t frame = mfn;
	int err = 0;

	if (ds->gnttab) {
		d->page = xengnttab_map_grant_ref(ds->gnttab, d->domid, GNTTAB_RESERVED_XENSTORE,
						  PROT_READ | PROT_WRITE);
		d->mapped = MAP_GRANT;
	}
	if (!d->page && ds->foreign) {
		d->page = xenforeignmemory_map(ds->foreign, d->domid, PROT_READ | PROT_WRITE, 1,
					       &frame, &err);
		d->mapped = MAP_FOREIGN;
		if (d->page && err) {
			xenforeignmemory_unmap(ds->foreign, d->page, 1);
			d->page = NULL;
		}
	}
	if (!d->page) {
		d->mapped = MAP_NONE;
		return -EINVAL;
	}
	return 0;
}

static void unmap_ring(struct domains *ds, struct domain *d)
{
	switch (d->mapped) {
	case MAP_GRANT:
		xengnttab_unmap(ds->gnttab, d->page, 1);
		break;
	case MAP_FOREIGN:
		xenforeignmemory_unmap(ds->foreign, d->page, 1);
		break;
	case MAP_KERNEL:
		munmap(d->page, PAGE_BYTES);
		break;
	case MAP_NONE:
		break;
	}
	d->mapped = MAP_NONE;
	d->page = NULL;
}

static int bind_port(struct domains *ds, struct domain *d, unsigned int remote)
{
	d->port = ds->evtchn ? xenevtchn_bind_interdomain(ds->evtchn, d->domid, remote) : NO_PORT;
	return d->port < 0 ? -EINVAL : 0;
}

static void notify(struct domains *ds, const struct domain *d)
{
	if (d->port >= 0) {
		xenevtchn_notify(ds->evtchn, (evtchn_port_t)d->port);
	}
}

/* Let go of page, port and connection; the domain stays known. */
static void close_ring(struct domains *ds, struct domain *d)
{
	if (d->conn) {
		conn_free(d->conn);
		d->conn = NULL;
	}
	if (d->port >= 0) {
		xenevtchn_unbind(ds->evtchn, (evtchn_port_t)d->port);
		d->port = NO_PORT;
	}
	unmap_ring(ds, d);
}

static struct domain *new_domain(struct domains *ds, unsigned int domid)
{
	struct domain *d = mem_alloc(sizeof(*d));

	d->domid = domid;
	d->port = NO_PORT;
	d->next = ds->list;
	ds->list = d;
	return d;
}

static void delete_domain(struct domains *ds, struct domain *d)
{
	struct domain **at = &ds->list;

	while (*at != d) {
		at = &(*at)->next;
	}
	*at = d->next;
	close_ring(ds, d);
	free(d);
}

/* The page is mapped and the channel bound: talk. */
static void start_conn(struct domains *ds, struct domain *d)
{
	ring_attach(&d->ring, d->page);
	d->conn = conn_new(ds->st, d->domid);
	d->conn->ring = true;
	d->conn->touched = true;
	d->ready = true;
}

static int open_ring(struct domains *ds, struct domain *d, uint64_t mfn, unsigned int remote)
{
	int err = map_ring(ds, d, mfn);

	if (!err) {
		err = bind_port(ds, d, remote);
	}
	if (err) {
		close_ring(ds, d);
		return err;
	}
	d->mfn = mfn;
	d->remote = remote;
	start_conn(ds, d);
	return 0;
}

/* ---- what the control domain asks for ---- */

static int do_introduce(void *arg, unsigned int domid, uint64_t mfn, unsigned int port)
{
	struct domains *ds = arg;
	struct domain *d = find_domain(ds, domid);
	bool fresh = !d;
	int err;

	if (domid == 0) {
		return d ? 0 : -EINVAL;
	}
	if (fresh) {
		d = new_domain(ds, domid);
	} else {
		close_ring(ds, d);
	}
	err = open_ring(ds, d, mfn, port);
	if (err) {
		if (fresh) {
			delete_domain(ds, d);
		}
		return err;
	}
	d->told = false;
	ring_greet(&d->ring);
	notify(ds, d);
	ds->tell.introduced(ds->tell.arg, domid, mfn, port);
	if (fresh) {
		watch_fire_special(ds->st, SPECIAL_INTRODUCE);
	}
	return 0;
}

static void release(struct domains *ds, struct domain *d)
{
	unsigned int domid = d->domid;

	delete_domain(ds, d);
	storage_forget_domain(ds->st, domid);
	ds->tell.released(ds->tell.arg, domid);
}

static int do_release(void *arg, unsigned int domid)
{
	struct domains *ds = arg;
	struct domain *d = find_domain(ds, domid);

	if (!d) {
		return -ENOENT;
	}
	release(ds, d);
	watch_fire_special(ds->st, SPECIAL_RELEASE);
	return 0;
}

static int do_resume(void *arg, unsigned int domid)
{
	struct domain *d = find_domain(arg, domid);

	if (!d) {
		return -ENOENT;
	}
	d->told = false;
	return 0;
}

static int do_set_target(void *arg, unsigned int domid, unsigned int target)
{
	struct domain *d = find_domain(arg, domid);

	if (!d || !d->conn || !find_domain(arg, target)) {
		return -ENOENT;
	}
	d->conn->who.target = (uint16_t)target;
	return 0;
}

static bool is_introduced(void *arg, unsigned int domid)
{
	return find_domain(arg, domid) != NULL;
}

static const struct domain_hooks hooks = {
	.introduce = do_introduce,
	.release = do_release,
	.resume = do_resume,
	.set_target = do_set_target,
	.is_introduced = is_introduced,
};

/* ---- domains that end by themselves ---- */

enum life { LIFE_UNKNOWN, LIFE_RUNNING, LIFE_SHUTDOWN, LIFE_GONE };

static enum life life_of(struct domains *ds, unsigned int domid)
{
	struct xen_domctl *op = ds->domctl;

	if (!op) {
		return LIFE_UNKNOWN;
	}
	memset(op, 0, sizeof(*op));
	op->cmd = XEN_DOMCTL_getdomaininfo;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = (domid_t)domid;
	if (xencall1(ds->call, __HYPERVISOR_domctl, (uintptr_t)op)) {
		return errno == ESRCH ? LIFE_GONE : LIFE_UNKNOWN;
	}
	/* The hypervisor may answer with the next domain there is. */
	if (op->u.getdomaininfo.domain != domid || (op->u.getdomaininfo.flags & XEN_DOMINF_dying)) {
		return LIFE_GONE;
	}
	return op->u.getdomaininfo.flags & XEN_DOMINF_shutdown ? LIFE_SHUTDOWN : LIFE_RUNNING;
}

static void check_domains(struct domains *ds)
{
	struct domain *next;
	bool news = false;

	for (struct domain *d = ds->list; d; d = next) {
		enum life life = d->domid ? life_of(ds, d->domid) : LIFE_RUNNING;

		next = d->next;
		if (life == LIFE_GONE) {
			release(ds, d);
			news = true;
		} else if (life == LIFE_SHUTDOWN && !d->told) {
			d->told = true;
			news = true;
		}
	}
	if (news) {
		watch_fire_special(ds->st, SPECIAL_RELEASE);
	}
}

/* ---- events and bytes ---- */

int domains_fd(const struct domains *ds)
{
	return ds->evtchn ? xenevtchn_fd(ds->evtchn) : -1;
}

void domains_take_events(struct domains *ds)
{
	bool check = false;
	int port;

	while (ds->evtchn && (port = xenevtchn_pending(ds->evtchn)) >= 0) {
		for (struct domain *d = ds->list; d; d = d->next) {
			d->ready = d->ready || d->port == port;
		}
		check = check || port == ds->virq;
		xenevtchn_unmask(ds->evtchn, (evtchn_port_t)port);
	}
	if (check) {
		check_domains(ds);
	}
}

static void give_up(struct domains *ds, struct domain *d, unsigned int why)
{
	fprintf(stderr, "pavstored: domain %u: %s; its ring is closed\n", d->domid,
		why == XENSTORE_ERROR_RINGIDX ? "impossible ring indices" : "broken request");
	ring_report(&d->ring, why);
	notify(ds, d);
	close_ring(ds, d);
}

void domains_read(struct domains *ds)
{
	for (struct domain *d = ds->list; d; d = d->next) {
		size_t room;
		char *to;
		int n;

		if (!d->ready || !d->conn) {
			continue;
		}
		to = conn_input(d->conn, &room);
		if (!room) {
			continue;
		}
		n = ring_read(&d->ring, to, room);
		if (n < 0) {
			give_up(ds, d, XENSTORE_ERROR_RINGIDX);
			continue;
		}
		d->ready = n > 0;
		if (n > 0) {
			conn_received(d->conn, (size_t)n);
		}
	}
}

/* One domain's part of domains_write(); true if any byte moved. */
static bool write_one(struct domains *ds, struct domain *d)
{
	bool moved = ring_release(&d->ring);
	size_t len, room;
	const char *from = conn_output(d->conn, &len);
	int n = len ? ring_write(&d->ring, from, len) : 0;

	if (n < 0) {
		give_up(ds, d, XENSTORE_ERROR_RINGIDX);
		return true;
	}
	if (n > 0) {
		conn_sent(d->conn, (size_t)n);
		moved = true;
	}
	if (moved) {
		notify(ds, d);
	}
	/* With no room for its requests there is nothing to do before it takes answers, and says so. */
	conn_input(d->conn, &room);
	return moved || (d->ready && room);
}

bool domains_write(struct domains *ds)
{
	bool moved = false;

	for (struct domain *d = ds->list; d; d = d->next) {
		if (d->conn && d->conn->dead) {
			give_up(ds, d, XENSTORE_ERROR_PROTO);
		} else if (d->conn && write_one(ds, d)) {
			moved = true;
		}
	}
	return moved;
}

/* ---- the journal ---- */

void domains_save(struct domains *ds, struct buf *b)
{
	for (struct domain *d = ds->list; d; d = d->next) {
		if (d->conn && d->conn->touched) {
			dump_ring(b, d->conn, &d->ring);
			d->conn->touched = false;
		}
	}
}

void domains_dump(struct domains *ds, struct buf *b)
{
	for (struct domain *d = ds->list; d; d = d->next) {
		if (d->domid) {
			dump_domain(b, d->domid, d->mfn, d->remote);
		}
		if (d->conn) {
			dump_conn(b, d->conn, &d->ring);
		}
	}
}

static void resume_one(struct domains *ds, const struct dump_domain_state *state)
{
	struct domain *d = find_domain(ds, state->domid);

	if (!d) {
		d = new_domain(ds, state->domid);
		if (open_ring(ds, d, state->mfn, state->port)) {
			/* Known still, so that its end is noticed and announced. */
			fprintf(stderr, "pavstored: domain %u: its ring cannot be reopened\n",
				state->domid);
			return;
		}
	}
	if (d->conn) {
		dump_resume(state, d->conn, &d->ring);
		notify(ds, d);
	}
}

void domains_resume(struct domains *ds, const struct dump_domain_state *states)
{
	for (; states; states = states->next) {
		resume_one(ds, states);
	}
	check_domains(ds);
}

/* ---- start and stop ---- */

/* The number in a file, or -1. */
static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long v = -1;

	if (f) {
		if (fscanf(f, "%ld", &v) != 1) {
			v = -1;
		}
		fclose(f);
	}
	return v;
}

/* The control domain's own kernel offers its page and port as files. */
static int open_own_kernel(struct domains *ds)
{
	long port = read_number("/proc/xen/xsd_port");
	int fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	struct domain *d;
	void *page;

	if (fd < 0 || port < 0) {
		if (fd >= 0) {
			close(fd);
		}
		return -ENOENT;
	}
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED) {
		return -errno;
	}
	d = new_domain(ds, 0);
	d->page = page;
	d->mapped = MAP_KERNEL;
	if (bind_port(ds, d, (unsigned int)port)) {
		delete_domain(ds, d);
		return -EINVAL;
	}
	start_conn(ds, d);
	/* The kernel waits for a first event before it believes that we are there. */
	notify(ds, d);
	return 0;
}

static void open_domctl(struct domains *ds)
{
	ds->call = xencall_open(NULL, 0);
	if (ds->call) {
		ds->domctl = xencall_alloc_buffer(ds->call, sizeof(*ds->domctl));
	}
}

struct domains *domains_open(struct storage *st, const struct domains_listener *listener)
{
	struct domains *ds = mem_alloc(sizeof(*ds));

	ds->st = st;
	ds->tell = *listener;
	ds->virq = NO_PORT;
	st->domains = &hooks;
	st->domains_arg = ds;
	if (access("/dev/xen/evtchn", F_OK)) {
		fputs("pavstored: no /dev/xen/evtchn: serving local sockets only\n", stderr);
		return ds;
	}
	ds->evtchn = xenevtchn_open(NULL, 0);
	ds->gnttab = xengnttab_open(NULL, 0);
	ds->foreign = xenforeignmemory_open(NULL, 0);
	open_domctl(ds);
	if (ds->evtchn) {
		int fd = xenevtchn_fd(ds->evtchn);

		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		ds->virq = xenevtchn_bind_virq(ds->evtchn, VIRQ_DOM_EXC);
		if (ds->virq < 0) {
			fputs("pavstored: cannot bind the domain-exception interrupt: ends of "
			      "domains will go unnoticed\n",
			      stderr);
		}
	}
	if (open_own_kernel(ds)) {
		fputs("pavstored: cannot reach this kernel's own store page (is xenfs mounted on "
		      "/proc/xen?)\n",
		      stderr);
	}
	return ds;
}

void domains_close(struct domains *ds)
{
	while (ds->list) {
		delete_domain(ds, ds->list);
	}
	ds->st->domains = NULL;
	if (ds->domctl) {
		xencall_free_buffer(ds->call, ds->domctl);
	}
	xencall_close(ds->call);
	xenforeignmemory_close(ds->foreign);
	xengnttab_close(ds->gnttab);
	xenevtchn_close(ds->evtchn);
	free(ds);
}
