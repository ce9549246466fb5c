/* System control: figures, lists and the log, and the errno of what is not served. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/physdev.h>
#include <xen/sysctl.h>

#include "core/debugkeys.h"
#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"
#include "tests/unit/hypervisor/ctl/ctl_fake.h"

static struct xen_sysctl op;

static void setup(void)
{
	world_start();
	memory_start();
	memory_domain(1, 1, 10);
	memory_domain(4, 1, 10);
	memset(&op, 0, sizeof(op));
}

TestSuite(sysctl, .init = setup);

static long call(uint32_t cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return do_sysctl(WORLD_GVA(&op), 0, 0, 0, 0);
}

Test(sysctl, versions_and_unknown_commands)
{
	op.cmd = XEN_SYSCTL_physinfo;
	op.interface_version = 1;
	cr_expect_eq(do_sysctl(WORLD_GVA(&op), 0, 0, 0, 0), -XEN_EACCES);
	cr_expect_eq(do_sysctl(0, 0, 0, 0, 0), -XEN_EFAULT);
	cr_expect_eq(call(XEN_SYSCTL_tbuf_op), -XEN_ENOSYS);
	cr_expect_eq(call(XEN_SYSCTL_perfc_op), -XEN_ENOSYS);
	cr_expect_eq(call(12345), -XEN_ENOSYS);
	cr_expect_eq(call(XEN_SYSCTL_psr_alloc), -XEN_ENODEV);
	cr_expect_eq(call(XEN_SYSCTL_get_cpu_featureset), -XEN_EOPNOTSUPP);
}

Test(sysctl, physical_information)
{
	const struct xen_sysctl_physinfo *p = &op.u.physinfo;

	cr_assert_eq(call(XEN_SYSCTL_physinfo), 0);
	cr_expect_eq(p->nr_cpus, 1);
	cr_expect_eq(p->max_cpu_id, 0);
	cr_expect_eq(p->cpu_khz, 2000000);
	cr_expect_eq(p->capabilities, XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
					      XEN_SYSCTL_PHYSCAP_gnttab_v2);
	cr_expect_eq(p->free_pages, alloc_free_count());
	cr_expect_eq(p->scrub_pages, alloc_unscrubbed_count());
	cr_expect_eq(p->max_mfn, ARENA_FRAMES - 1);
	cr_expect_eq(p->total_pages, ARENA_FRAMES - 256);
	op.u.availheap.node = -1;
	cr_assert_eq(call(XEN_SYSCTL_availheap), 0);
	cr_expect_eq(op.u.availheap.avail_bytes, alloc_free_count() * 4096);
}

Test(sysctl, the_list_of_domains_goes_by_number)
{
	struct xen_domctl_getdomaininfo info[4];
	struct xen_sysctl_getdomaininfolist *l = &op.u.getdomaininfolist;

	set_xen_guest_handle(l->buffer, info);
	l->max_domains = 4;
	cr_assert_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	cr_expect_eq(l->num_domains, 3);
	cr_expect_eq(info[0].domain, 0);
	cr_expect_eq(info[1].domain, 1);
	cr_expect_eq(info[2].domain, 4);
	l->first_domain = 2;
	l->max_domains = 1;
	cr_assert_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	cr_expect_eq(l->num_domains, 1);
	cr_expect_eq(info[0].domain, 4);
	l->first_domain = 5;
	cr_assert_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	cr_expect_eq(l->num_domains, 0);
	l->first_domain = 0;
	l->buffer.p = NULL;
	cr_expect_eq(call(XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);
	cr_expect_eq(atomic_load(&world.domain[4]->refs), 1);
}

Test(sysctl, a_long_list_of_domains_is_told_in_parts)
{
	struct xen_domctl_getdomaininfo info[8];
	struct xen_sysctl_getdomaininfolist *l = &op.u.getdomaininfolist;
	const domid_t others[] = { 2, 3, 5, 6, 7 };

	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		memory_domain(others[i], 1, 10);
	}
	set_xen_guest_handle(l->buffer, info);
	l->max_domains = 8;
	world.preempt_every = 1;
	call(XEN_SYSCTL_getdomaininfolist);
	cr_assert(world.restarted);
	cr_expect_eq(world.restart_nr, __HYPERVISOR_sysctl);
	world.restarted = false;
	cr_assert_eq(do_sysctl(world.restart_args[0], 0, 0, 0, 0), 0);
	cr_expect_not(world.restarted);
	cr_expect_eq(op.cmd, XEN_SYSCTL_getdomaininfolist, "the request is as it was");
	cr_expect_eq(l->first_domain, 0);
	cr_expect_eq(l->max_domains, 8);
	cr_expect_eq(l->num_domains, 8);
	for (unsigned int i = 0; i < 8; i++) {
		cr_expect_eq(info[i].domain, i);
		cr_expect_eq(atomic_load(&world.domain[i]->refs), 1);
	}
	op.cmd = 1u << 16 | XEN_SYSCTL_physinfo;
	cr_expect_eq(do_sysctl(WORLD_GVA(&op), 0, 0, 0, 0), -XEN_ENOSYS, "nothing else goes on");
}

Test(sysctl, the_log_is_read_in_pieces_and_cleared)
{
	static char text[2001], got[3000];
	struct xen_sysctl_readconsole *r = &op.u.readconsole;
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		text[i] = (char)('a' + i % 26);
	}
	ctl.log = text;
	set_xen_guest_handle(r->buffer, got);
	r->count = sizeof(got);
	cr_assert_eq(call(XEN_SYSCTL_readconsole), 0);
	cr_expect_eq(r->count, 2000);
	cr_expect_eq(r->index, 2000);
	cr_expect_eq(memcmp(got, text, 2000), 0);
	r->count = 100;
	r->incremental = 1;
	r->index = 1950;
	cr_assert_eq(call(XEN_SYSCTL_readconsole), 0);
	cr_expect_eq(r->count, 50);
	r->incremental = 0;
	r->count = 700;
	cr_assert_eq(call(XEN_SYSCTL_readconsole), 0);
	cr_expect_eq(r->count, 700, "no more than there is room for");
	r->clear = 1;
	r->count = sizeof(got);
	cr_assert_eq(call(XEN_SYSCTL_readconsole), 0);
	cr_expect_eq(*ctl.log, 0);
	ctl.log = text;
	r->count = 10;
	r->buffer.p = NULL;
	cr_expect_eq(call(XEN_SYSCTL_readconsole), -XEN_EFAULT);
}

static char keys[8];

void debugkeys_press(char c)
{
	keys[strlen(keys)] = c;
}

Test(sysctl, debug_keys_are_pressed_one_by_one)
{
	set_xen_guest_handle(op.u.debug_keys.keys, "ab");
	op.u.debug_keys.nr_keys = 2;
	cr_expect_eq(call(XEN_SYSCTL_debug_keys), 0);
	cr_expect_str_eq(keys, "ab");
	op.u.debug_keys.nr_keys = 1000;
	cr_expect_eq(call(XEN_SYSCTL_debug_keys), -XEN_E2BIG);
}

Test(sysctl, topology_is_one_socket_on_one_node)
{
	struct xen_sysctl_cputopo topo[4] = { { 9, 9, 9 }, { 9, 9, 9 } };
	struct xen_sysctl_meminfo mem;
	struct xen_sysctl_cpuinfo info[2] = { { 0 }, { 7 } };
	uint32_t distance = 0;
	uint8_t map[8] = { 0 };

	cr_assert_eq(call(XEN_SYSCTL_cputopoinfo), 0);
	cr_expect_eq(op.u.cputopoinfo.num_cpus, 1);
	op.u.cputopoinfo.num_cpus = 4;
	set_xen_guest_handle(op.u.cputopoinfo.cputopo, topo);
	cr_assert_eq(call(XEN_SYSCTL_cputopoinfo), 0);
	cr_expect_eq(op.u.cputopoinfo.num_cpus, 1);
	cr_expect_eq(topo[0].socket, 0);
	cr_expect_eq(topo[1].socket, 9);
	memset(&op.u, 0, sizeof(op.u));
	op.u.numainfo.num_nodes = 1;
	set_xen_guest_handle(op.u.numainfo.meminfo, &mem);
	set_xen_guest_handle(op.u.numainfo.distance, &distance);
	cr_assert_eq(call(XEN_SYSCTL_numainfo), 0);
	cr_expect_eq(mem.memfree, alloc_free_count() * 4096);
	cr_expect_eq(distance, 10);
	memset(&op.u, 0, sizeof(op.u));
	op.u.getcpuinfo.max_cpus = 2;
	set_xen_guest_handle(op.u.getcpuinfo.info, info);
	cr_assert_eq(call(XEN_SYSCTL_getcpuinfo), 0);
	cr_expect_eq(op.u.getcpuinfo.nr_cpus, 1);
	cr_expect_eq(info[0].idletime, 1000);
	cr_expect_eq(info[1].idletime, 7);
	memset(&op.u, 0, sizeof(op.u));
	op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	op.u.cpupool_op.cpumap.nr_bits = 64;
	set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, map);
	cr_assert_eq(call(XEN_SYSCTL_cpupool_op), 0);
	cr_expect_eq(map[0], 1);
	cr_expect_eq(op.u.cpupool_op.n_dom, 3);
	op.u.cpupool_op.cpupool_id = 1;
	cr_expect_eq(call(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
	op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
	cr_expect_eq(call(XEN_SYSCTL_cpupool_op), -XEN_EOPNOTSUPP);
}
