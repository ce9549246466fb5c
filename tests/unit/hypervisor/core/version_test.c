/* What the hypervisor says about itself, and which assists it grants. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/version.h>

#include "core/hypercall.h"
#include "core/version.h"
#include "tests/fake/guest_fake.h"

static struct domain *d1;

static void setup(void)
{
	world_start();
	d1 = world_domain(1, 1);
}

TestSuite(version, .init = setup, .fini = world_stop);

static long ask(struct domain *as, unsigned int cmd, void *arg)
{
	world_enter(as);
	return do_xen_version(cmd, WORLD_GVA(arg), 0, 0, 0);
}

Test(version, numbers_and_names)
{
	static char text[1024 + 1];
	struct xen_compile_info info;
	struct xen_platform_parameters p;

	cr_expect_eq(ask(d1, XENVER_version, NULL), 0x40011);
	memset(text, 'x', sizeof(text));
	cr_expect_eq(ask(d1, XENVER_extraversion, text), 0);
	cr_expect_str_eq(text, ".0-pavane");
	cr_expect_eq(text[15], 0);
	cr_expect_eq(text[16], 'x', "and not a byte more");
	memset(text, 'x', sizeof(text));
	cr_expect_eq(ask(d1, XENVER_capabilities, text), 0);
	cr_expect(strstr(text, "xen-3.0-x86_64"));
	cr_expect_eq(text[1023], 0);
	cr_expect_eq(text[1024], 'x');
	cr_expect_eq(ask(d1, XENVER_compile_info, &info), 0);
	cr_expect_eq(strncmp(info.compiler, "gcc", 3), 0);
	cr_expect_eq(ask(d1, XENVER_platform_parameters, &p), 0);
	cr_expect_eq(p.virt_start, 0xffff800000000000);
	cr_expect_eq(ask(d1, XENVER_pagesize, NULL), 4096);
	cr_expect_eq(ask(d1, XENVER_pagesize, text), -XEN_EINVAL);
	cr_expect_eq(ask(d1, XENVER_build_id, text), -XEN_ENODATA);
	cr_expect_eq(ask(d1, 99, text), -XEN_ENOSYS);
	cr_expect_eq(ask(d1, XENVER_extraversion, NULL), -XEN_EFAULT);
}

Test(version, features_are_what_kernels_insist_on)
{
	struct xen_feature_info f = { .submap_idx = 0 };

	cr_expect_eq(ask(d1, XENVER_get_features, &f), 0);
	cr_expect_eq(f.submap, 0x220e0);
	cr_expect_eq(ask(dom0, XENVER_get_features, &f), 0);
	cr_expect_eq(f.submap, 0x228f0);
	f.submap_idx = 1;
	cr_expect_eq(ask(d1, XENVER_get_features, &f), -XEN_EINVAL);
}

Test(version, the_command_line_is_the_control_domains)
{
	static char text[1024];
	uint8_t uuid[16];

	version_set_commandline("dom0_mem=512M console=com1");
	cr_expect_eq(ask(dom0, XENVER_commandline, text), 0);
	cr_expect_str_eq(text, "dom0_mem=512M console=com1");
	cr_expect_eq(ask(d1, XENVER_commandline, text), 0);
	cr_expect_str_eq(text, "<denied>");
	memset(d1->uuid, 0x42, 16);
	cr_expect_eq(ask(d1, XENVER_guest_handle, uuid), 0);
	cr_expect_eq(uuid[15], 0x42);
}

Test(version, assists_that_would_not_be_honoured_are_refused)
{
	world_enter(d1);
	cr_expect_eq(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0, 0, 0), 0);
	cr_expect_eq(d1->vm_assist, 1u << VMASST_TYPE_runstate_update_flag);
	cr_expect_eq(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables, 0, 0, 0), 0);
	cr_expect_eq(do_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag, 0, 0, 0),
		     0);
	cr_expect_eq(d1->vm_assist, 1u << VMASST_TYPE_writable_pagetables);
	cr_expect_eq(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl, 0, 0, 0),
		     -XEN_EINVAL);
	cr_expect_eq(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict, 0, 0, 0), -XEN_EINVAL);
	cr_expect_eq(do_vm_assist(VMASST_CMD_enable, ~0ULL, 0, 0, 0), -XEN_EINVAL);
	cr_expect_eq(do_vm_assist(7, VMASST_TYPE_writable_pagetables, 0, 0, 0), -XEN_ENOSYS);
}
