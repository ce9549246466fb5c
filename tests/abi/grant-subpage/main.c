/*
 * Grants of a part of a page (<xen/grant_table.h>, version 2): GTF_sub_page "grants access to only a subrange of the
 * page", "bytes [page_off, page_off + length)", to be copied and not mapped.  GNTTABOP_copy names offsets in the page; what
 * reaches out of the part at either end is refused and no byte of it is moved, whatever else the copy has right.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant2.h"
#include "tests/abi/lib/pages.h"

#define FROM 40u
#define TO   41u

static unsigned char *source, *target, *shadow; /* shadow: what target should be */

static void start_anew(void)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		source[i] = (unsigned char)(i * 7 + i / 256 + 1);
	}
	memset(target, 0xaa, PAGE_SIZE);
	memset(shadow, 0xaa, PAGE_SIZE);
}

static int expected(unsigned int at, unsigned int len, unsigned int first, unsigned int length)
{
	return at + len > PAGE_SIZE			 ? GNTST_bad_copy_arg
	       : at < first || at + len > first + length ? GNTST_general_error
							 : GNTST_okay;
}

/* The part is at one end, all of a page at the other. */
static bool one(bool of_source, unsigned int first, unsigned int length, unsigned int at,
		unsigned int len)
{
	int want = expected(at, len, first, length);
	struct gnttab_copy c = of_source ? grant_copy_parts(FROM, at, TO, 0, len)
					 : grant_copy_parts(FROM, 0, TO, at, len);
	int got = grant_copy_one(&c);

	if (want == GNTST_okay) {
		memcpy(shadow + c.dest.offset, source + c.source.offset, len);
	}
	return got == want && memcmp(shadow, target, PAGE_SIZE) == 0 && !grant2_use(FROM) &&
	       !grant2_use(TO);
}

/* Copies that begin and end at, before and behind the ends of the part. */
static unsigned int around(bool of_source, unsigned int first, unsigned int length)
{
	const unsigned int
		end = first + length,
		begins[] = { 0,	      first - 1,	 first,	    first + 1, end - 1, end,
			     end + 1, (first + end) / 2, PAGE_SIZE, 65535 },
		ends[] = {
			0,	 first - 1,	    first, first + 1,		end - 1,      end,
			end + 1, (first + end) / 2, 4095,  (unsigned)PAGE_SIZE, PAGE_SIZE + 1
		};
	unsigned int bad = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(begins) * ARRAY_SIZE(ends); i++) {
		unsigned int at = begins[i % ARRAY_SIZE(begins)], to = ends[i / ARRAY_SIZE(begins)];

		if (at <= 65535 && to >= at && to <= PAGE_SIZE + 1 &&
		    !one(of_source, first, length, at, to - at)) {
			bad++;
			print("  part %u+%u: copy of %u at %u\n", first, length, to - at, at);
		}
	}
	return bad;
}

/* Parts with every kind of end, also past the page's and round the end of sixteen bits. */
static void edges(bool of_source)
{
	static const unsigned int
		firsts[] = { 0, 1, 2, 7, 8, 63, 64, 2047, 4088, 4095, 4096, 65535 },
		lengths[] = { 0, 1, 2, 8, 9, 2048, 4094, 4095, 4096, 4097, 65535 };
	unsigned int bad = 0;

	start_anew();
	grant2_page(of_source ? TO : FROM, 0, virt_to_mfn(of_source ? target : source),
		    GTF_permit_access);
	for (unsigned int i = 0; i < ARRAY_SIZE(firsts) * ARRAY_SIZE(lengths); i++) {
		unsigned int first = firsts[i % ARRAY_SIZE(firsts)],
			     length = lengths[i / ARRAY_SIZE(firsts)];

		grant2_part(of_source ? FROM : TO, 0, virt_to_mfn(of_source ? source : target),
			    GTF_permit_access, first, length);
		bad += around(of_source, first, length);
	}
	CHECK_EQ(bad, 0, "parts of the %s, from their first byte to their last",
		 of_source ? "source" : "target");
}

/* Each byte of a page by itself is in the part or not. */
static void every_byte(void)
{
	unsigned int bad = 0;

	start_anew();
	grant2_page(TO, 0, virt_to_mfn(target), GTF_permit_access);
	grant2_part(FROM, 0, virt_to_mfn(source), GTF_permit_access, 1000, 2001);
	for (unsigned int at = 0; at < PAGE_SIZE; at++) {
		bad += grant_copy_one(&(struct gnttab_copy){
			       .source = { .u.ref = FROM,
					   .domid = DOMID_SELF,
					   .offset = (uint16_t)at },
			       .dest = { .u.ref = TO, .domid = DOMID_SELF, .offset = (uint16_t)at },
			       .len = 1,
			       .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref }) !=
		       expected(at, 1, 1000, 2001);
	}
	memcpy(shadow + 1000, source + 1000, 2001);
	CHECK_EQ(bad, 0, "each byte of the page by itself");
	CHECK(memcmp(shadow, target, PAGE_SIZE) == 0, "those of the part were copied, no others");
}

static void refused(struct gnttab_copy c, const char *what)
{
	int rc = grant_copy_one(&c);

	CHECK(rc < 0 && rc != CALL_FAILED, "%s: %d", what, rc);
	CHECK(memcmp(shadow, target, PAGE_SIZE) == 0 && !grant2_use(FROM) && !grant2_use(TO),
	      "%s: nothing happened", what);
}

static void other_refusals(void)
{
	uint64_t from = virt_to_mfn(source), to = virt_to_mfn(target);
	struct gnttab_copy c = grant_copy_parts(FROM, 100, TO, 100, 10);

	start_anew();
	grant2_part(FROM, 0, from, GTF_permit_access, 100, 10);
	grant2_part(TO, 0, to, GTF_permit_access | GTF_readonly, 100, 10);
	refused(c, "into a read-only part");
	grant2_part(TO, 0, to, GTF_permit_access, 100, 10);
	grant2_part(FROM, 77, from, GTF_permit_access, 100, 10);
	refused(c, "from another's part");
	grant2_part(FROM, 0, from, GTF_accept_transfer, 100, 10);
	refused(c, "from what is no permit");
	grant2_part(FROM, 0, 0xffffffff, GTF_permit_access, 100, 10);
	refused(c, "from no frame");
	grant2_part(FROM, 0, ~0UL, GTF_permit_access, 100, 10);
	refused(c, "nor the last number");
	grant2_part(FROM, 0, from, GTF_permit_access, 100, 10);
	grant2_part(TO, 0, virt_to_mfn((void *)start_info->pt_base), GTF_permit_access, 100, 10);
	refused(c, "into a page table");
	grant2_part(TO, 0, to, GTF_permit_access, 100, 10);
	CHECK_EQ(grant_copy_one(&c), GNTST_okay, "a part into a part");
	memcpy(shadow + 100, source + 100, 10);
	CHECK(memcmp(shadow, target, PAGE_SIZE) == 0, "copied, and no more");
}

/* One list, parts of one page under several grants: what one allows another does not. */
static void lists(void)
{
	static struct gnttab_copy ops[64];
	unsigned int good = 0;

	start_anew();
	grant2_page(TO, 0, virt_to_mfn(target), GTF_permit_access);
	for (unsigned int i = 0; i < 4; i++) {
		grant2_part(FROM + 2 + i, 0, virt_to_mfn(source), GTF_permit_access, 64 * i, 64);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		unsigned int ref = i / 2 % 4, at = i / 8 % 4;

		ops[i] = grant_copy_parts(FROM, 64 * at, TO, i * 64, 64);
		ops[i].source.u.ref = FROM + 2 + ref;
		ops[i].status = 1;
		if (ref == at) {
			memcpy(shadow + i * 64, source + 64 * at, 64);
		}
	}
	CHECK_EQ(grant_op(GNTTABOP_copy, ops, ARRAY_SIZE(ops)), 0, "a list");
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		good += ops[i].status ==
			(i / 2 % 4 == i / 8 % 4 ? GNTST_okay : GNTST_general_error);
	}
	CHECK_EQ(good, ARRAY_SIZE(ops), "each as its own grant has it");
	CHECK(memcmp(shadow, target, PAGE_SIZE) == 0, "what was allowed was copied");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants2_setup(), 0, "a table of version 2");
	source = page_alloc();
	target = page_alloc();
	shadow = page_alloc();
	edges(true);
	edges(false);
	every_byte();
	other_refusals();
	lists();
	return SUCCESS;
}
