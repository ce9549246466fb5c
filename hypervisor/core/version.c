/*
 * Hypercalls xen_version and vm_assist: what we are, and which of the ABI's courtesies a guest asks for.
 * The numbers are the ABI's: guests and tools decide by them what they may use.
 */
#include "core/version.h"

#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/version.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/vcpu.h"
#include "lib/string.h"

#define VERSION_MAJOR	    4
#define VERSION_MINOR	    17
#define PLATFORM_VIRT_START 0xffff800000000000UL

static char command_line[sizeof(xen_commandline_t)];

void version_set_commandline(const char *line)
{
	str_copy(command_line, line, sizeof(command_line));
}

/* Fixed-size text fields of the ABI: the rest is zeros, nothing of ours leaks after the end. */
static long tell(gva_t arg, const char *text, size_t size)
{
	size_t n = strlen(text) + 1;

	if (copy_bytes_out(arg, text, n)) {
		return -XEN_EFAULT;
	}
	return copy_zeros_out(arg + n, size - n) ? -XEN_EFAULT : 0;
}

static long compile_info(gva_t arg)
{
	struct xen_compile_info info = {
		.compiler = "gcc " __VERSION__,
		.compile_by = "pavane",
		.compile_domain = "",
		.compile_date = "", /* builds are reproducible */
	};

	return copy_out(arg, &info) ? -XEN_EFAULT : 0;
}

static uint32_t features(const struct domain *d)
{
	uint32_t f = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
		     1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported |
		     1u << XENFEAT_direct_mapped;

	if (d->privileged) {
		f |= 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_dom0;
	}
	return f;
}

static long get_features(gva_t arg)
{
	struct xen_feature_info info;

	if (copy_in(&info, arg)) {
		return -XEN_EFAULT;
	}
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, info.submap_idx);
	}
	info.submap = features(cpu_current()->domain);
	return copy_out(arg, &info) ? -XEN_EFAULT : 0;
}

/* Everything but the version itself, which guests ask for as the cheapest call there is. */
static out_of_line long other_questions(uint32_t cmd, uint64_t arg)
{
	const struct domain *d = cpu_current()->domain;

	switch (cmd) {
	case XENVER_extraversion:
		return tell(arg, ".0-pavane", sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return compile_info(arg);
	case XENVER_capabilities:
		return tell(arg, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return tell(arg, "pavane", sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters: {
		struct xen_platform_parameters p = { .virt_start = PLATFORM_VIRT_START };

		return copy_out(arg, &p) ? -XEN_EFAULT : 0;
	}
	case XENVER_get_features:
		return get_features(arg);
	case XENVER_pagesize:
		return arg ? refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, arg) : (long)PAGE_SIZE;
	case XENVER_guest_handle:
		return copy_bytes_out(arg, d->uuid, sizeof(d->uuid)) ? -XEN_EFAULT : 0;
	case XENVER_commandline:
		return tell(arg, d->privileged ? command_line : "<denied>",
			    sizeof(xen_commandline_t));
	case XENVER_build_id:
		return refuse(-XEN_ENODATA, REASON_NO_BUILD_ID);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}

long do_xen_version(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3;
	(void)a4;
	(void)a5;
	/* An int in the ABI. */
	if ((uint32_t)cmd == XENVER_version) {
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	}
	return other_questions((uint32_t)cmd, arg);
}

/* What we do anyway or know how to do.  An assist we would not honour is refused. */
#define ASSISTS                                                                       \
	(1u << VMASST_TYPE_4gb_segments | 1u << VMASST_TYPE_4gb_segments_notify |     \
	 1u << VMASST_TYPE_writable_pagetables | 1u << VMASST_TYPE_pae_extended_cr3 | \
	 1u << VMASST_TYPE_runstate_update_flag)

bool version_assists_valid(uint64_t bits)
{
	return !(bits & ~(uint64_t)ASSISTS);
}

long do_vm_assist(uint64_t cmd, uint64_t type, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct domain *d = cpu_current()->domain;

	(void)a3;
	(void)a4;
	(void)a5;
	type = (uint32_t)type; /* like cmd an int in the ABI */
	if (type >= 32 || !(ASSISTS >> type & 1)) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, type);
	}
	switch ((uint32_t)cmd) {
	case VMASST_CMD_enable:
		__atomic_fetch_or(&d->vm_assist, 1u << type, __ATOMIC_RELAXED);
		return 0;
	case VMASST_CMD_disable:
		__atomic_fetch_and(&d->vm_assist, ~(1u << type), __ATOMIC_RELAXED);
		return 0;
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}
