/* The node lists: what stock frontends look for is there, readable by them and writable where they write. */
#include "dom0-tools/devs/nodes.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"

static struct node *find(struct node_list *l, const char *path)
{
	for (size_t i = 0; i < l->count; i++) {
		if (!strcmp(l->items[i].path, path)) {
			return &l->items[i];
		}
	}
	return NULL;
}

static void expect(struct node_list *l, const char *path, const char *value)
{
	struct node *n = find(l, path);

	cr_assert_not_null(n, "no %s", path);
	cr_assert_str_eq(n->value, value, "%s is \"%s\"", path, n->value);
}

static void expect_perms(struct node_list *l, const char *path, unsigned int owner, int reader)
{
	struct node *n = find(l, path);

	cr_assert_not_null(n, "no %s", path);
	cr_assert(n->sets_perms && n->owner == owner && n->reader == reader, "%s: n%u,r%d", path,
		  n->owner, n->reader);
}

/* A list is written in order: permissions are inherited only if the directory comes first. */
static void check_order(struct node_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		size_t len = strlen(l->items[i].path);

		for (size_t j = 0; j < i && l->items[i].sets_perms; j++) {
			cr_assert(strncmp(l->items[j].path, l->items[i].path, len) ||
					  l->items[j].path[len] != '/',
				  "%s comes before its directory", l->items[j].path);
		}
		for (size_t j = 0; j < i; j++) {
			cr_assert_str_neq(l->items[j].path, l->items[i].path);
		}
	}
}

Test(nodes, a_disk_has_both_ends)
{
	struct domspec_disk disk = { .vdev = (char *)"xvda",
				     .path = (char *)"/a.img",
				     .readonly = true };
	struct node_list l = { 0 };

	nodes_for_disk(&l, 7, &disk);
	expect(&l, "/local/domain/7/device/vbd/51712/backend",
	       "/local/domain/0/backend/vbd/7/51712");
	expect(&l, "/local/domain/7/device/vbd/51712/backend-id", "0");
	expect(&l, "/local/domain/7/device/vbd/51712/virtual-device", "51712");
	expect(&l, "/local/domain/7/device/vbd/51712/device-type", "disk");
	expect(&l, "/local/domain/7/device/vbd/51712/state", "1");
	expect(&l, "/local/domain/0/backend/vbd/7/51712/frontend",
	       "/local/domain/7/device/vbd/51712");
	expect(&l, "/local/domain/0/backend/vbd/7/51712/frontend-id", "7");
	expect(&l, "/local/domain/0/backend/vbd/7/51712/online", "1");
	expect(&l, "/local/domain/0/backend/vbd/7/51712/mode", "r");
	expect(&l, "/local/domain/0/backend/vbd/7/51712/state", "1");
	expect_perms(&l, "/local/domain/7/device/vbd/51712", 7, 0);
	expect_perms(&l, "/local/domain/0/backend/vbd/7/51712", 0, 7);
	check_order(&l);
	node_list_free(&l);
}

Test(nodes, a_nic_has_both_ends)
{
	struct domspec_nic nic = { .name = (char *)"eth1",
				   .bridge = (char *)"br0",
				   .mac = { 0, 0x16, 0x3e, 1, 2, 3 } };
	struct node_list l = { 0 };

	nodes_for_nic(&l, 3, 1, &nic);
	expect(&l, "/local/domain/3/device/vif/1/handle", "1");
	expect(&l, "/local/domain/3/device/vif/1/mac", "00:16:3e:01:02:03");
	expect(&l, "/local/domain/0/backend/vif/3/1/mac", "00:16:3e:01:02:03");
	expect(&l, "/local/domain/0/backend/vif/3/1/bridge", "br0");
	cr_assert_null(find(&l, "/local/domain/0/backend/vif/3/1/ip"));
	expect_perms(&l, "/local/domain/3/device/vif/1", 3, 0);
	check_order(&l);
	node_list_free(&l);
}

Test(nodes, a_domain_finds_its_console_store_and_controls)
{
	struct domspec *s = domspec_new("g");
	struct nodes_domain d = { .domid = 5,
				  .store_mfn = 10,
				  .console_mfn = 11,
				  .store_port = 1,
				  .console_port = 2,
				  .console_log = "/log" };
	struct node_list l = { 0 };

	s->vcpus = 1;
	s->vcpus_max = 3;
	memset(s->uuid, 0xab, 16);
	nodes_for_domain(&l, s, &d);
	expect(&l, "/local/domain/5/name", "g");
	expect(&l, "/local/domain/5/domid", "5");
	expect(&l, "/local/domain/5/vm", "/vm/abababab-abab-abab-abab-abababababab");
	expect(&l, "/local/domain/5/memory/target", "262144");
	expect(&l, "/local/domain/5/cpu/0/availability", "online");
	expect(&l, "/local/domain/5/cpu/2/availability", "offline");
	expect(&l, "/local/domain/5/store/ring-ref", "10");
	expect(&l, "/local/domain/5/store/port", "1");
	expect(&l, "/local/domain/5/console/ring-ref", "11");
	expect(&l, "/local/domain/5/console/port", "2");
	expect(&l, "/local/domain/5/console/log", "/log");
	expect_perms(&l, "/local/domain/5", 0, 5);
	expect_perms(&l, "/local/domain/5/control/shutdown", 5, -1);
	expect_perms(&l, "/local/domain/5/data", 5, -1);
	expect_perms(&l, "/local/domain/5/console", 0, 5);
	cr_assert_null(find(&l, "/local/domain/5/cpu/3/availability"));
	check_order(&l);
	node_list_free(&l);
	domspec_free(s);
}

Test(nodes, chosen_macs_are_the_abi_s_and_differ)
{
	uint8_t uuid[16] = { [13] = 0xff, 0xee, 0xff }, a[6], b[6], c[6];

	nodes_choose_mac(uuid, 0, a);
	nodes_choose_mac(uuid, 1, b);
	nodes_choose_mac(uuid, 0, c);
	cr_assert_eq(memcmp(a, "\x00\x16\x3e", 3), 0);
	cr_assert_eq(memcmp(a, c, 6), 0);
	cr_assert_neq(memcmp(a, b, 6), 0);
}
