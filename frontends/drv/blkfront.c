/* A slot for each request the ring can hold; its number is the request's id. */
#include "frontends/drv/blkfront.h"

#include "frontends/drv/barriers.h"

#include <xen/io/blkif.h>

#include "frontends/drv/bus.h"
#include "frontends/drv/gnttab.h"
#include "frontends/rt/rt.h"

#include "hypervisor/lib/string.h"

#define SLOTS	      __CONST_RING_SIZE(blkif, PAGE_SIZE)
#define PAGE_SECTORS  (PAGE_SIZE / BLK_SECTOR)
#define MAX_PAGES     BLKIF_MAX_SEGMENTS_PER_REQUEST
#define LOOK_AGAIN_NS 1000000000UL

struct slot {
	bool in_use;
	uint8_t op; /* as the ring has it */
	unsigned int page_count;
	grant_ref_t refs[MAX_PAGES];
	blk_done done;
	void *arg;
};

struct blk {
	bool open, broken;
	struct bus_device bus;
	struct blk_info info;
	blkif_vdev_t handle;
	blkif_front_ring_t ring;
	grant_ref_t ring_ref;
	struct slot slots[SLOTS];
	unsigned int in_flight, leaked;
	char page[PAGE_SIZE] __attribute__((aligned(4096)));
};

static struct blk disks[BLK_MAX_DISKS];

/* ---- coming and going ---- */

static int read_info(struct blk *b)
{
	const struct bus_device *d = &b->bus;
	uint64_t flags = bus_backend_number(d, "info", UINT32_MAX, 0);

	b->info = (struct blk_info){
		.sectors = bus_backend_number(d, "sectors", UINT64_MAX / BLK_SECTOR, 0),
		.sector_size = (uint32_t)bus_backend_number(d, "sector-size", 65536, 0),
		.readonly = flags & VDISK_READONLY,
		.flush = bus_backend_number(d, "feature-flush-cache", 1, 0),
	};
	return b->info.sectors && b->info.sector_size >= BLK_SECTOR ? 0 : -XEN_EINVAL;
}

static int set_up(struct blk *b, unsigned int index)
{
	blkif_sring_t *shared = (blkif_sring_t *)b->page;
	int rc = gnttab_init();
	uint64_t id = 0;

	if (!rc) {
		rc = bus_open(&b->bus, "vbd", index);
	}
	if (rc) {
		return rc;
	}
	SHARED_RING_INIT(shared);
	FRONT_RING_INIT(&b->ring, shared, PAGE_SIZE);
	b->ring_ref = gnttab_grant(b->bus.backend, b->page, false);
	rc = b->ring_ref ? bus_write(&b->bus, "ring-ref", b->ring_ref) : -XEN_ENOSPC;
	if (!rc) {
		rc = bus_front_number(&b->bus, "virtual-device", UINT32_MAX, &id);
		b->handle = (blkif_vdev_t)id;
	}
	if (!rc) {
		rc = bus_bind(&b->bus);
	}
	if (!rc) {
		rc = bus_connect(&b->bus);
	}
	return rc ? rc : read_info(b);
}

struct blk *blk_open(unsigned int index, int *rc)
{
	struct blk *b = &disks[index];

	*rc = index < BLK_MAX_DISKS ? 0 : -XEN_ENODEV;
	if (*rc || b->open) {
		return *rc ? NULL : b;
	}
	*rc = set_up(b, index);
	b->open = !*rc;
	return *rc ? NULL : b;
}

const struct blk_info *blk_info(const struct blk *b)
{
	return &b->info;
}

/* ---- requests ---- */

static void let_go(struct blk *b, struct slot *s)
{
	for (unsigned int i = 0; i < s->page_count; i++) {
		b->leaked += !gnttab_end(s->refs[i]);
	}
	s->page_count = 0;
}

static void finish(struct blk *b, struct slot *s, int result)
{
	let_go(b, s);
	s->in_use = false;
	b->in_flight--;
	s->done(s->arg, result);
}

static struct slot *free_slot(struct blk *b)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!b->slots[i].in_use) {
			return &b->slots[i];
		}
	}
	return NULL;
}

/* Lends the data's pages and describes them in the request. */
static int add_pages(struct blk *b, struct slot *s, blkif_request_t *rq, const char *data,
		     uint32_t count)
{
	while (count) {
		uint32_t part = count < PAGE_SECTORS ? count : PAGE_SECTORS;
		grant_ref_t ref = gnttab_grant(b->bus.backend, data, s->op == BLKIF_OP_WRITE);

		if (!ref) {
			let_go(b, s);
			return -XEN_EBUSY;
		}
		rq->seg[s->page_count] = (struct blkif_request_segment){ ref, 0,
									 (uint8_t)(part - 1) };
		s->refs[s->page_count++] = ref;
		data += PAGE_SIZE;
		count -= part;
	}
	rq->nr_segments = (uint8_t)s->page_count;
	return 0;
}

int blk_start(struct blk *b, enum blk_op op, uint64_t sector, void *data, uint32_t count,
	      blk_done done, void *arg)
{
	static const uint8_t wire[] = { [BLK_READ] = BLKIF_OP_READ,
					[BLK_WRITE] = BLKIF_OP_WRITE,
					[BLK_FLUSH] = BLKIF_OP_FLUSH_DISKCACHE };
	blkif_request_t rq = { .operation = wire[op],
			       .handle = b->handle,
			       .sector_number = sector };
	struct slot *s = free_slot(b);
	int notify, rc;

	if (b->broken || !b->open) {
		return -XEN_EIO;
	}
	if (count > BLK_MAX_SECTORS || (op == BLK_FLUSH) == (count > 0) ||
	    (uint64_t)data & (PAGE_SIZE - 1)) {
		return -XEN_EINVAL;
	}
	if (!s) {
		return -XEN_EBUSY;
	}
	*s = (struct slot){ .op = wire[op], .done = done, .arg = arg };
	rq.id = (uint64_t)(s - b->slots);
	rc = add_pages(b, s, &rq, data, count);
	if (rc) {
		return rc;
	}
	s->in_use = true;
	b->in_flight++;
	*RING_GET_REQUEST(&b->ring, b->ring.req_prod_pvt) = rq;
	b->ring.req_prod_pvt++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->ring, notify);
	if (notify) {
		bus_notify(&b->bus);
	}
	return 0;
}

/* ---- answers ---- */

static void break_off(struct blk *b)
{
	print("disk %s: its backend answers what was not asked\n", b->bus.front);
	b->broken = true;
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (b->slots[i].in_use) {
			finish(b, &b->slots[i], -XEN_EIO);
		}
	}
}

static int result_of(int16_t status)
{
	switch (status) {
	case BLKIF_RSP_OKAY:
		return 0;
	case BLKIF_RSP_EOPNOTSUPP:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_EIO;
	}
}

/* The next answer, if there is one; false as well when it cannot be one. */
static bool take_answer(struct blk *b)
{
	uint32_t ready = __atomic_load_n(&b->ring.sring->rsp_prod, __ATOMIC_ACQUIRE) -
			 b->ring.rsp_cons;
	blkif_response_t rsp;

	if (!ready) {
		return false;
	}
	memcpy(&rsp, RING_GET_RESPONSE(&b->ring, b->ring.rsp_cons), sizeof(rsp));
	barrier(); /* one look only */
	if (ready > b->in_flight || rsp.id >= SLOTS || !b->slots[rsp.id].in_use ||
	    rsp.operation != b->slots[rsp.id].op) {
		break_off(b);
		return false;
	}
	b->ring.rsp_cons++;
	finish(b, &b->slots[rsp.id], result_of(rsp.status));
	return true;
}

unsigned int blk_poll(struct blk *b)
{
	unsigned int count = 0;
	int more;

	do {
		while (!b->broken && take_answer(b)) {
			count++;
		}
		if (b->broken) {
			break;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&b->ring, more);
	} while (more);
	return count;
}

unsigned int blk_in_flight(const struct blk *b)
{
	return b->in_flight;
}

void blk_wait(struct blk *b, unsigned int in_flight)
{
	for (;;) {
		unsigned int seen = event_count;

		blk_poll(b);
		if (b->in_flight <= in_flight) {
			return;
		}
		wait_event(seen, system_time() + LOOK_AGAIN_NS);
	}
}

static void note_result(void *arg, int result)
{
	*(int *)arg = result;
}

int blk_do(struct blk *b, enum blk_op op, uint64_t sector, void *data, uint32_t count)
{
	int result = 1, rc;

	while ((rc = blk_start(b, op, sector, data, count, note_result, &result)) == -XEN_EBUSY) {
		blk_wait(b, b->in_flight ? b->in_flight - 1 : 0);
	}
	while (!rc && result == 1) {
		blk_wait(b, b->in_flight ? b->in_flight - 1 : 0);
	}
	return rc ? rc : result;
}

bool blk_close(struct blk *b)
{
	bool closed;

	blk_wait(b, 0);
	closed = bus_close(&b->bus) && gnttab_end(b->ring_ref) && !b->leaked;
	b->open = false;
	return closed;
}
