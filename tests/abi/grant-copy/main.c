/*
 * GNTTABOP_copy (<xen/grant_table.h>): bytes between two pages, each named by a grant or, the caller's own, by its
 * frame.  Every offset and length within the pages, and those that cross their ends; each kind of end on each side; what
 * is no permit, another's, read-only, a page table; one status an operation, whatever the others say; no entry is left
 * in use.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant.h"
#include "tests/abi/lib/pages.h"

#define FROM 40u
#define TO   41u
#define MANY 50u

static unsigned char *source, *target, *shadow; /* shadow: what target should be */

static void start_anew(void)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		source[i] = (unsigned char)(i * 7 + i / 256);
	}
	memset(target, 0xaa, PAGE_SIZE);
	memset(shadow, 0xaa, PAGE_SIZE);
}

static bool as_expected(void)
{
	return memcmp(target, shadow, PAGE_SIZE) == 0;
}

static bool one_size(unsigned int from, unsigned int to, unsigned int len)
{
	struct gnttab_copy c = grant_copy_parts(FROM, from, TO, to, len);
	bool fits = from + len <= PAGE_SIZE && to + len <= PAGE_SIZE;

	if (fits) {
		memcpy(shadow + to, source + from, len);
	}
	return grant_copy_one(&c) == (fits ? GNTST_okay : GNTST_bad_copy_arg) && as_expected();
}

static void sizes(void)
{
	static const unsigned int offsets[] = { 0,    1,    3,	  7,	8,    63,   100,
						2048, 4088, 4095, 4096, 4097, 65535 },
				  lengths[] = { 0,   1,	   2,	 7,    8,    9,	   64,
						999, 2048, 4095, 4096, 4097, 65535 };
	const unsigned int n = ARRAY_SIZE(offsets);
	unsigned int good = 0;

	start_anew();
	for (unsigned int i = 0; i < n * n * ARRAY_SIZE(lengths); i++) {
		unsigned int from = offsets[i % n], to = offsets[i / n % n],
			     len = lengths[i / n / n];

		if (!one_size(from, to, len)) {
			CHECK(false, "%u bytes from %u to %u", len, from, to);
			break;
		}
		good++;
	}
	CHECK_EQ(good, n * n * ARRAY_SIZE(lengths), "all offsets and lengths");
}

/* One page is both ends, the pieces lie over one another: as if by a copy in between, to which the headers do not bind us. */
static void overlapping(void)
{
	static const struct {
		unsigned int from, to, len;
	} pieces[] = { { 0, 8, 4000 }, { 8, 0, 4000 }, { 0, 1, 4095 }, { 1, 0, 4095 },
		       { 5, 5, 3000 }, { 0, 0, 4096 }, { 100, 101, 2 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct gnttab_copy c = grant_copy_parts(FROM, pieces[i].from, TO, pieces[i].to,
							pieces[i].len);

		start_anew();
		memcpy(target, source, PAGE_SIZE);
		memcpy(shadow, source, PAGE_SIZE);
		memcpy(shadow + c.dest.offset, source + c.source.offset, c.len);
		c.source.u.ref = TO;
		CHECK_EQ(grant_copy_one(&c), GNTST_okay, "within a page, %u bytes from %u to %u",
			 c.len, c.source.offset, c.dest.offset);
		CHECK(as_expected(), "the bytes that were there");
	}
}

/* Each end by grant or by frame. */
static void kinds(void)
{
	for (unsigned int flags = 0; flags < 4; flags++) {
		struct gnttab_copy c = grant_copy_parts(FROM, 10, TO, 20, 100);

		start_anew();
		c.flags = (uint16_t)flags;
		if (!(flags & GNTCOPY_source_gref)) {
			c.source.u.gmfn = virt_to_mfn(source);
		}
		if (!(flags & GNTCOPY_dest_gref)) {
			c.dest.u.gmfn = virt_to_mfn(target);
		}
		memcpy(shadow + 20, source + 10, 100);
		CHECK_EQ(grant_copy_one(&c), GNTST_okay, "kinds %#x", flags);
		CHECK(as_expected(), "kinds %#x: copied", flags);
	}
}

static void refused(struct gnttab_copy c, int want, const char *what)
{
	int status = grant_copy_one(&c);

	/* Where the headers leave it open, any error will do. */
	CHECK(want ? status == want : status < 0 && status != CALL_FAILED, "%s: %d", what, status);
	CHECK(as_expected() && !grant_use(FROM) && !grant_use(TO), "%s: nothing happened", what);
}

static void bad_grants(void)
{
	const uint16_t types[] = { GTF_invalid, GTF_accept_transfer, GTF_transitive };
	struct gnttab_copy c = grant_copy_parts(FROM, 0, TO, 0, 16);

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		grant_give(FROM, source, types[i]);
		refused(c, GNTST_general_error, "from an entry that is no permit");
		grant_give(FROM, source, GTF_permit_access);
		grant_give(TO, target, types[i]);
		refused(c, GNTST_general_error, "into one");
		grant_give(TO, target, GTF_permit_access);
	}
	grant_give(TO, target, GTF_permit_access | GTF_readonly);
	refused(c, GNTST_general_error, "into a read-only grant");
	grant_give(TO, (void *)start_info->pt_base, GTF_permit_access);
	refused(c, 0, "into a page table");
	grant_give(TO, target, GTF_permit_access);
	grants[FROM].domid = 77;
	refused(c, GNTST_general_error, "from another's grant");
	grant_give_frame(&grants[FROM], 0x7fffffff, GTF_permit_access);
	refused(c, 0, "from a frame past the end");
	grant_give(FROM, source, GTF_permit_access);
	c.source.u.ref = 1u << 31;
	refused(c, GNTST_bad_gntref, "from an entry past the end");
	c.source.u.ref = FROM;
	c.dest.u.ref = ~0u;
	refused(c, GNTST_bad_gntref, "into one");
	c.dest.u.ref = TO;
	c.source.domid = 1234;
	refused(c, GNTST_bad_domain, "from no domain");
	c.source.domid = DOMID_SELF;
	c.dest.domid = DOMID_XEN;
	refused(c, GNTST_bad_domain, "into the hypervisor's");
}

static void bad_frames(void)
{
	struct gnttab_copy c = grant_copy_parts(FROM, 0, TO, 0, 16);

	c.flags = GNTCOPY_dest_gref;
	c.source.u.gmfn = ~0UL >> 12;
	refused(c, 0, "from no frame");
	c.source.u.gmfn = ~0UL;
	refused(c, 0, "nor from the last number");
	c.source.u.gmfn = virt_to_mfn(source);
	c.source.domid = 1234;
	refused(c, 0, "from another's frame");
	c = grant_copy_parts(FROM, 0, TO, 0, 16);
	c.flags = GNTCOPY_source_gref;
	c.dest.u.gmfn = ~0UL >> 12;
	refused(c, 0, "into no frame");
	c.dest.u.gmfn = virt_to_mfn((void *)start_info->pt_base);
	refused(c, 0, "into a page table");
	c.dest.u.gmfn = start_info->shared_info >> PAGE_SHIFT;
	c.dest.domid = 77;
	refused(c, 0, "into another's frame");
}

/* Good and bad by turns, in one call, of which the last lies half in nothing. */
static void batch(void)
{
	static struct gnttab_copy ops[MANY];
	struct gnttab_copy *cut;
	unsigned int good = 0;

	start_anew();
	for (unsigned int i = 0; i < MANY; i++) {
		ops[i] = grant_copy_parts(FROM, i * 16, TO, i * 32, 16);
		ops[i].status = 1;
		if (i % 4 == 1) {
			ops[i].source.u.ref = 1u << 30;
		} else if (i % 4 == 3) {
			ops[i].len = 5000;
		} else {
			memcpy(shadow + i * 32, source + i * 16, 16);
		}
	}
	CHECK_EQ(grant_op(GNTTABOP_copy, ops, MANY), 0, "a batch");
	for (unsigned int i = 0; i < MANY; i++) {
		good += ops[i].status == (i % 4 == 1   ? GNTST_bad_gntref
					  : i % 4 == 3 ? GNTST_bad_copy_arg
						       : GNTST_okay);
	}
	CHECK_EQ(good, MANY, "each has its status");
	CHECK(as_expected(), "the good ones are done");
	start_anew();
	cut = cut_short(ops, sizeof(ops), 20 * sizeof(ops[0]) + 4);
	for (unsigned int i = 0; i < 20; i++) {
		cut[i] = grant_copy_parts(FROM, i * 16, TO, i * 32, 16);
		memcpy(shadow + i * 32, source + i * 16, 16);
	}
	CHECK_EQ(grant_op(GNTTABOP_copy, cut, MANY), -XEN_EFAULT, "a batch that ends in nothing");
	CHECK(as_expected(), "is done as far as it goes");
	CHECK(!grant_use(FROM) && !grant_use(TO), "nothing stays in use");
	CHECK_EQ(grant_op(GNTTABOP_copy, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_copy, NOWHERE, 0), 0, "of none");
	CHECK_EQ(grant_op(GNTTABOP_copy, ops, 1u << 31), -XEN_EINVAL, "less than none");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants_setup(), 0, "a table");
	source = page_alloc();
	target = page_alloc();
	shadow = page_alloc();
	grant_give(FROM, source, GTF_permit_access | GTF_readonly);
	grant_give(TO, target, GTF_permit_access);
	sizes();
	overlapping();
	kinds();
	start_anew();
	bad_grants();
	bad_frames();
	batch();
	return SUCCESS;
}
