/*
 * xen_version (<xen/version.h>), each command: plausible answers, no byte of them beyond their structure and none of it
 * left as it was, what kernels and tools decide by among them; bad addresses and numbers refused.  And the console by
 * console_io, and vm_assist.
 */
#include "frontends/rt/test.h"

#include <xen/features.h>
#include <xen/version.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/pages.h"

#define MARK 0x7e

/* An answer of a fixed size: ended by a zero, all of it written, nothing behind it. */
static void text(const char *name, int cmd, size_t size, const char *part)
{
	static char buffer[PAGE_SIZE];
	size_t n, marks = 0;

	memset(buffer, MARK, sizeof(buffer));
	CHECK_EQ(version_op(cmd, buffer), 0, "%s", name);
	CHECK_EQ(buffer[size], MARK, "%s: nothing behind it", name);
	for (n = 0; n < size && buffer[n]; n++) {
	}
	CHECK(n < size, "%s: ended", name);
	for (; n < size; n++) {
		marks += buffer[n] == MARK;
	}
	/* Some leave the rest alone, which tells nothing either. */
	CHECK(marks == 0 || marks == size - strlen(buffer) - 1, "%s: nothing else in it", name);
	CHECK(!part || memcmp(buffer, part, strlen(part)) == 0, "%s: '%s'", name, buffer);
	CHECK_EQ(version_op(cmd, NOWHERE), -XEN_EFAULT, "%s: bad address", name);
}

static void features(void)
{
	struct xen_feature_info f = { .submap_idx = 0 };

	CHECK_EQ(version_op(XENVER_get_features, &f), 0, "features");
	CHECK(f.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1, "accessed and dirty bits kept");
	CHECK(f.submap >> XENFEAT_gnttab_map_avail_bits & 1, "grants with the guest's bits");
	CHECK(!(f.submap >> XENFEAT_writable_page_tables & 1), "no writable page tables");
	CHECK(!(f.submap >> XENFEAT_auto_translated_physmap & 1), "nor translated memory");
	CHECK_EQ(f.submap >> XENFEAT_dom0 & 1, is_control_domain(), "the control domain, or not");
	f.submap_idx = XENFEAT_NR_SUBMAPS;
	f.submap = 77;
	CHECK_EQ(version_op(XENVER_get_features, &f), -XEN_EINVAL, "no second map");
	CHECK_EQ(f.submap, 77, "nor any answer");
	f.submap_idx = ~0u;
	CHECK_EQ(version_op(XENVER_get_features, &f), -XEN_EINVAL, "nor a last");
	CHECK_EQ(version_op(XENVER_get_features, NOWHERE), -XEN_EFAULT, "bad address");
}

static void numbers(void)
{
	struct xen_platform_parameters p = { 0 };
	struct xen_build_id id = { .len = 0 };
	long v = version_op(XENVER_version, NULL);

	CHECK(v >= 0x40000 && v < 0x50000, "version %ld.%ld", v >> 16, v & 0xffff);
	CHECK_EQ(version_op(XENVER_version, NOWHERE), v, "whatever the argument");
	CHECK_EQ(hcall2(__HYPERVISOR_xen_version, 1UL << 32, 0), v, "and the number's high bits");
	CHECK_EQ(version_op(XENVER_pagesize, NULL), PAGE_SIZE, "page size");
	CHECK_EQ(version_op(XENVER_pagesize, &p), -XEN_EINVAL, "which takes no argument");
	CHECK_EQ(version_op(XENVER_platform_parameters, &p), 0, "platform");
	CHECK_EQ(p.virt_start, 0xffff800000000000UL, "where the hypervisor begins");
	CHECK_EQ(version_op(XENVER_platform_parameters, NOWHERE), -XEN_EFAULT, "bad address");
	v = version_op(XENVER_build_id, &id);
	CHECK(v == -XEN_ENODATA || v == -XEN_EINVAL || v > 0, "build id: %ld", v);
	CHECK_EQ(version_op(11, &p), -XEN_ENOSYS, "one past the last");
	CHECK_EQ(version_op(-1, &p), -XEN_ENOSYS, "nor the last number");
}

static void console(void)
{
	static const char line[] = "  (a line by console_io)\n";
	char *cut = cut_short(line, sizeof(line) - 1, 4), c;
	long refused = is_control_domain() ? 0 : -XEN_EPERM;

	CHECK_EQ(console_io(CONSOLEIO_write, sizeof(line) - 1, line), refused, "write");
	CHECK_EQ(console_io(CONSOLEIO_write, 0, NOWHERE), refused, "write nothing");
	CHECK_EQ(console_io(CONSOLEIO_read, 0, NOWHERE), refused, "read nothing");
	if (refused) {
		return;
	}
	CHECK_EQ(console_io(CONSOLEIO_write, 4, NOWHERE), -XEN_EFAULT, "write from a bad address");
	CHECK_EQ(console_io(CONSOLEIO_write, sizeof(line) - 1, cut), -XEN_EFAULT, "or cut short");
	CHECK(console_io(CONSOLEIO_write, 1u << 31, NOWHERE) < 0, "less than nothing");
	CHECK(console_io(CONSOLEIO_read, ~0u, NOWHERE) <= 0, "read less than nothing");
	CHECK_EQ(console_io(CONSOLEIO_read, 1, &c), 0, "nobody has typed anything");
	CHECK_EQ(console_io(2, 1, &c), -XEN_ENOSYS, "one past the last");
}

static long assist(unsigned int cmd, unsigned int type)
{
	return hcall2(__HYPERVISOR_vm_assist, cmd, type);
}

static void assists(void)
{
	static const unsigned int served[] = { VMASST_TYPE_4gb_segments,
					       VMASST_TYPE_writable_pagetables,
					       VMASST_TYPE_pae_extended_cr3,
					       VMASST_TYPE_runstate_update_flag };

	for (unsigned int i = 0; i < ARRAY_SIZE(served); i++) {
		CHECK_EQ(assist(VMASST_CMD_enable, served[i]), 0, "assist %u", served[i]);
		CHECK_EQ(assist(VMASST_CMD_disable, served[i]), 0, "not any more");
		CHECK_EQ(assist(2, served[i]), -XEN_ENOSYS, "neither");
	}
	CHECK_EQ(assist(VMASST_CMD_enable, 31), -XEN_EINVAL, "no such assist");
	CHECK_EQ(assist(VMASST_CMD_enable, 64), -XEN_EINVAL, "nor past the word");
	CHECK_EQ(assist(VMASST_CMD_enable, ~0u), -XEN_EINVAL, "nor the last number");
}

enum verdict guest_main(void)
{
	numbers();
	features();
	text("extraversion", XENVER_extraversion, sizeof(xen_extraversion_t), ".");
	text("capabilities", XENVER_capabilities, sizeof(xen_capabilities_info_t),
	     "xen-3.0-x86_64");
	text("changeset", XENVER_changeset, sizeof(xen_changeset_info_t), NULL);
	text("commandline", XENVER_commandline, sizeof(xen_commandline_t), NULL);
	CHECK_EQ(version_op(XENVER_compile_info, NOWHERE), -XEN_EFAULT,
		 "compile_info: bad address");
	CHECK_EQ(version_op(XENVER_guest_handle, NOWHERE), -XEN_EFAULT,
		 "guest_handle: bad address");
	console();
	assists();
	return SUCCESS;
}
