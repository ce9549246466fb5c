/*
 * The domain builder against a fake hypervisor: what it builds is what was asked
 * for, and whichever step fails, no domain and no mapping is left.
 */
#include "dom0-tools/build/pvboot.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/elfnote.h>

#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "tests/fake/hcall_fake.h"

#define BASE	   0xffffffff80000000ull
#define PADDR	   0x100000ull
#define MIB	   (1ull << 20)

#define WALL_CLOCK 1700000000u

static char dir[] = "/tmp/pvboot_test.XXXXXX";
static char *kernel, *ramdisk;

static void add_note(struct buf *b, uint32_t type, uint64_t n)
{
	Elf64_Nhdr nh = { 4, 8, type };

	buf_add(b, &nh, sizeof(nh));
	buf_add(b, "Xen", 4);
	buf_add(b, &n, 8);
}

static void write_kernel(const char *path)
{
	Elf64_Ehdr eh = { .e_ident = ELFMAG,
			  .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_phoff = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2 };
	Elf64_Phdr ph[2] = { { .p_type = PT_LOAD,
			       .p_paddr = PADDR,
			       .p_offset = 4096,
			       .p_filesz = 5000,
			       .p_memsz = 20000 },
			     { .p_type = PT_NOTE, .p_offset = sizeof(eh) + sizeof(ph) } };
	struct buf notes = { 0 }, file = { 0 };
	char code[5000];

	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	add_note(&notes, XEN_ELFNOTE_VIRT_BASE, BASE);
	add_note(&notes, XEN_ELFNOTE_ENTRY, BASE + PADDR);
	add_note(&notes, XEN_ELFNOTE_INIT_P2M, 0x8000000000ull);
	add_note(&notes, XEN_ELFNOTE_MOD_START_PFN, 1);
	add_note(&notes, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + PADDR + 4096);
	ph[1].p_filesz = notes.len;
	buf_add(&file, &eh, sizeof(eh));
	buf_add(&file, ph, sizeof(ph));
	buf_add(&file, notes.data, notes.len);
	while (file.len < 4096) {
		buf_add(&file, "", 1);
	}
	memset(code, 'K', sizeof(code));
	buf_add(&file, code, sizeof(code));
	cr_assert_eq(file_write(path, file.data, file.len, 0600, NULL), 0);
	buf_free(&notes);
	buf_free(&file);
}

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	setenv("PAVANE_CACHE", dir, 1);
	kernel = xasprintf("%s/kernel", dir);
	ramdisk = xasprintf("%s/ramdisk", dir);
	write_kernel(kernel);
	cr_assert_eq(file_write(ramdisk, "ramdisk contents", 16, 0600, NULL), 0);
}

static void tear_down(void)
{
	unlink(kernel);
	unlink(ramdisk);
	rmdir(dir);
}

TestSuite(pvboot, .init = set_up, .fini = tear_down);

static struct pvboot_request make_request(void)
{
	return (struct pvboot_request){ .memory = 32 * MIB + 4096 * 3,
					.memory_max = 64 * MIB,
					.vcpus_max = 1,
					.kernel = kernel,
					.ramdisk = ramdisk,
					.cmdline = "console=hvc0" };
}

static uint64_t *table(uint64_t mfn)
{
	return hcall_fake_frame(mfn);
}

/* Follows the guest's tables as the hypervisor would; the bytes at va, or NULL. */
static uint8_t *at(uint64_t va)
{
	uint64_t mfn = hcall_fake.vcpu.ctrlreg[3] >> 12;

	for (int shift = 39; shift >= 12; shift -= 9) {
		uint64_t e = table(mfn)[va >> shift & 511];

		if (!(e & 1)) {
			return NULL;
		}
		mfn = (e & 0xffffffffff000ull) >> 12;
	}
	return (uint8_t *)hcall_fake_frame(mfn) + (va & 4095);
}

/* The guest's own idea of where pfn is. */
static uint64_t p2m(const struct start_info *si, uint64_t pfn)
{
	return *(uint64_t *)at(si->mfn_list + pfn * 8);
}

static void check_built(const struct pvboot_domain *d)
{
	struct start_info *si = (struct start_info *)at(hcall_fake.vcpu.user_regs.rsi);
	shared_info_t *shared = hcall_fake_frame(hcall_fake_shared_info());

	cr_assert_eq(hcall_fake.pinned, hcall_fake.vcpu.ctrlreg[3] >> 12);
	cr_assert_eq(hcall_fake.vcpu.user_regs.rip, BASE + PADDR);
	cr_assert_eq(*at(BASE + PADDR), 'K');
	cr_assert_eq(*at(BASE + PADDR + 4999), 'K');
	cr_assert_eq(*at(BASE + PADDR + 5000), 0, "what follows the file's bytes is not zero");
	cr_assert_eq(*at(BASE + PADDR + 19999), 0);
	cr_assert_not_null(si);
	cr_assert_str_eq(si->magic, "xen-3.0-x86_64");
	cr_assert_str_eq((char *)si->cmd_line, "console=hvc0");
	cr_assert_eq(si->nr_pages, hcall_fake.populated);
	cr_assert_eq(si->mod_len, 16);
	cr_assert_eq(hcall_fake_frame(p2m(si, PADDR >> 12)), at(BASE + PADDR));
	cr_assert_not_null(hcall_fake_frame(p2m(si, si->nr_pages - 1)));
	cr_assert_eq(memcmp(hcall_fake_frame(p2m(si, si->mod_start)), "ramdisk contents", 16), 0);
	cr_assert_eq(hcall_fake.grants[0], d->console_mfn);
	cr_assert_eq(hcall_fake.grants[1], d->store_mfn);
	cr_assert_eq(si->console.domU.mfn, d->console_mfn);
	cr_assert_eq(((uint8_t *)hcall_fake_frame(d->console_mfn))[100], 0);
	cr_assert_eq(((uint8_t *)hcall_fake_frame(d->store_mfn))[4095], 0);
	cr_assert_eq(hcall_fake.hypercall_page, p2m(si, (PADDR >> 12) + 1));
	for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		cr_assert_eq(shared->vcpu_info[i].evtchn_upcall_mask, 1);
	}
	cr_assert_eq(shared->evtchn_pending[0], 0);
	cr_assert_eq(shared->wc_sec, WALL_CLOCK, "the hypervisor's wall clock was cleared");
}

/* Every file of these tests is on 9p, so to speak, whose reads cannot go to another domain's pages. */
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
	if (hcall_fake_is_foreign(to)) {
		errno = EFAULT;
		return -1;
	}
	return __real_pread(fd, to, len, at);
}

Test(pvboot, what_is_built_is_what_was_asked_for)
{
	struct pvboot_request req = make_request();
	struct pvboot_domain d;
	char *err = NULL;

	for (int small = 0; small < 2; small++) {
		hcall_fake_reset(1 << 20);
		hcall_fake.no_big_extents = small;
		((shared_info_t *)hcall_fake_frame(hcall_fake_shared_info()))->wc_sec = WALL_CLOCK;
		cr_assert_eq(pvboot_build(hcall_open(NULL), &req, &d, &err), 0, "%s", err);
		cr_assert_eq(hcall_fake.populated, req.memory >> 12);
		cr_assert_eq(hcall_fake.domains, 1);
		cr_assert_eq(hcall_fake.mappings, 0);
		check_built(&d);
	}
}

Test(pvboot, whichever_call_fails_nothing_is_left)
{
	struct pvboot_request req = make_request();
	struct pvboot_domain d;
	unsigned int total, fell_back = 0;

	hcall_fake_reset(1 << 20);
	cr_assert_eq(pvboot_build(hcall_open(NULL), &req, &d, NULL), 0);
	total = hcall_fake.calls;
	cr_assert_gt(total, 15);
	for (unsigned int n = 1; n <= total; n++) {
		char *err = NULL;

		hcall_fake_reset(1 << 20);
		hcall_fake.fail_at = n;
		if (pvboot_build(hcall_open(NULL), &req, &d, &err) == 0) {
			fell_back++; /* large extents refused: small ones serve */
			cr_assert_eq(hcall_fake.domains, 1);
			continue;
		}
		cr_assert_not_null(err);
		cr_assert_eq(hcall_fake.domains, 0, "call %u failed (%s) and the domain stayed", n,
			     err);
		cr_assert_eq(hcall_fake.mappings, 0, "call %u failed and a mapping stayed", n);
		free(err);
	}
	cr_assert_eq(fell_back, 1);
}

static void refuse(struct pvboot_request req, const char *part)
{
	struct pvboot_domain d;
	char *err = NULL;

	cr_assert_eq(pvboot_build(hcall_open(NULL), &req, &d, &err), -1, "built; expected \"%s\"",
		     part);
	cr_assert(strstr(err, part), "\"%s\" does not say \"%s\"", err, part);
	cr_assert_eq(hcall_fake.created, 0, "a domain was created before the files were looked at");
	free(err);
}

Test(pvboot, bad_requests_are_refused_before_anything_is_created)
{
	struct pvboot_request req = make_request();
	char *text = xasprintf("%s/text", dir), long_line[1100];

	hcall_fake_reset(1000);
	refuse(req, "32 MiB of memory asked for, but only 3 MiB are free");
	hcall_fake_reset(1 << 20);
	req.kernel = "/nonexistent/vmlinuz";
	refuse(req, "kernel /nonexistent/vmlinuz: No such file");
	req.kernel = dir;
	refuse(req, "not a regular file");
	file_write(text, "just some text, long enough to be anything", 40, 0600, NULL);
	req.kernel = text;
	refuse(req, "neither an ELF file nor a bzImage");
	req = make_request();
	req.ramdisk = "/nonexistent/initrd";
	refuse(req, "ramdisk /nonexistent/initrd: No such file");
	req = make_request();
	req.memory = 4 * MIB;
	refuse(req, "too small");
	memset(long_line, 'a', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = 0;
	req = make_request();
	req.cmdline = long_line;
	refuse(req, "1099 characters");
	unlink(text);
	free(text);
}
