/* From a spec to a domain that runs, or to nothing at all. */
#include "dom0-tools/pavd/guest_impl.h"

#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dom0-tools/build/pvboot.h"
#include "dom0-tools/devs/attach.h"
#include "dom0-tools/devs/nodes.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

static int write_nodes(struct guest *g, const struct pvboot_domain *dom, char **err)
{
	char *log_path = guest_console_log(g->spec);
	struct nodes_domain d = {
		.domid = dom->domid,
		.store_mfn = dom->store_mfn,
		.console_mfn = dom->console_mfn,
		.store_port = dom->store_port,
		.console_port = dom->console_port,
		.console_log = log_path,
	};
	struct node_list nodes = { 0 };
	unsigned int index = 0;
	int rc;

	nodes_for_domain(&nodes, g->spec, &d);
	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		nodes_for_disk(&nodes, g->domid, k);
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next) {
		nodes_for_nic(&nodes, g->domid, index++, n);
	}
	rc = attach_write(guests_store, &nodes, err);
	node_list_free(&nodes);
	free(log_path);
	return rc;
}

static int build_domain(struct guest *g, struct pvboot_domain *dom, char **err)
{
	struct pvboot_request req = {
		.memory = g->spec->memory,
		.memory_max = g->spec->memory_max,
		.vcpus_max = g->spec->vcpus_max,
		.kernel = g->spec->kernel,
		.ramdisk = g->spec->ramdisk,
		.cmdline = g->spec->cmdline ? g->spec->cmdline : "",
	};

	memcpy(req.uuid, g->spec->uuid, sizeof(req.uuid));
	return pvboot_build(guests_hcall, &req, dom, err);
}

static int build_and_start(struct guest *g, char **err)
{
	struct pvboot_domain dom;
	int rc;

	if (guest_prepare_devices(g, false, err) < 0 || build_domain(g, &dom, err) < 0) {
		return -1;
	}
	g->domid = dom.domid;
	guest_save(g);
	if (write_nodes(g, &dom, err) < 0) {
		return -1;
	}
	rc = store_introduce(guests_store, dom.domid, (unsigned long)dom.store_mfn, dom.store_port);
	if (rc < 0) {
		return fail(err, "the store refused the new domain: %s", strerror(-rc));
	}
	if (guest_start_devices(g, err) < 0) {
		return -1;
	}
	rc = hcall_domain_unpause(guests_hcall, dom.domid);
	if (rc < 0) {
		return fail(err, "the hypervisor refused to start the domain: %s", strerror(-rc));
	}
	g->started = guest_seconds_now();
	guest_save(g);
	return 0;
}

void guest_create(struct domspec *spec, guest_done_fn *done, void *arg)
{
	char *err = domspec_check(spec);
	struct guest *g = err ? NULL : guest_find(spec->name);

	if (g) {
		err = xasprintf("there is a domain called %s already (domain %u%s)", g->spec->name,
				g->domid, g->ending ? ", ending" : "");
	}
	if (err) {
		done(arg, err);
		domspec_free(spec);
		free(err);
		return;
	}
	g = guest_new(spec);
	if (uuid_is_null(spec->uuid)) {
		uuid_generate(spec->uuid);
		g->generated_uuid = true;
	}
	if (build_and_start(g, &err) < 0) {
		g->create_error = err;
		guest_add_waiter(g, done, arg);
		guest_begin_end(g);
		return;
	}
	log_info("%s: domain %u created", spec->name, g->domid);
	done(arg, NULL);
}
