/* `pav dmesg` and `pav census`: what the host says, and what it holds. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/pav/ask.h"
#include "dom0-tools/pav/cmd.h"
#include "dom0-tools/pav/host.h"
#include "xenstore-like/client/client.h"

int cmd_dmesg(int argc, char **argv)
{
	int clear = argc == 2 && !strcmp(argv[1], "-c");
	struct hcall *h;
	char *text;
	size_t len;
	int rc;

	if (argc > 2 || (argc == 2 && !clear)) {
		return CMD_USAGE;
	}
	h = host_open();
	if (!h) {
		return CMD_FAILED;
	}
	rc = hcall_read_console(h, clear, &text, &len);
	hcall_close(h);
	if (rc < 0) {
		fprintf(stderr, "pav: can't read the hypervisor's log: %s\n", strerror(-rc));
		return CMD_FAILED;
	}
	fwrite(text, 1, len, stdout);
	free(text);
	return 0;
}

/* Nodes at and below path. */
static long count_nodes(struct store *s, const char *path)
{
	char **names;
	int n = store_ls(s, STORE_NO_TX, &names, "%s", path);
	long total = 1;

	for (int i = 0; i < n; i++) {
		char *child = xasprintf("%s/%s", strcmp(path, "/") ? path : "", names[i]);

		total += count_nodes(s, child);
		free(child);
	}
	if (n >= 0) {
		free(names);
	}
	return total;
}

static int count_descriptors(int pid)
{
	char *path = xasprintf("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	while (dir && (e = readdir(dir))) {
		n += e->d_name[0] != '.';
	}
	if (dir) {
		closedir(dir);
	}
	free(path);
	return n;
}

static int count_domains(struct hcall *h)
{
	struct xen_domctl_getdomaininfo *infos;
	int n = host_domains(h, &infos);

	free(infos);
	return n;
}

static void add(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

/* What the hypervisor counts. */
static int add_hypervisor(struct json_object *o)
{
	struct hcall *h = host_open();
	struct xen_sysctl_physinfo info;
	struct hcall_grants grants;
	int rc, counted;

	if (!h) {
		return CMD_FAILED;
	}
	rc = hcall_physinfo(h, &info);
	counted = hcall_grants(h, 0, &grants);
	if (counted != -ENODATA && counted != -ENOSYS && rc == 0) {
		rc = counted;
	}
	if (rc < 0) {
		fprintf(stderr, "pav: can't ask the hypervisor: %s\n", strerror(-rc));
		hcall_close(h);
		return CMD_FAILED;
	}
	add(o, "total_frames", (int64_t)info.total_pages);
	add(o, "free_frames", (int64_t)info.free_pages);
	add(o, "domains", count_domains(h));
	add(o, "dom0_event_channels", hcall_evtchn_count(h, 0));
	if (counted == 0) {
		add(o, "dom0_grants", grants.granted);
		add(o, "dom0_grants_in_use", grants.in_use);
		add(o, "dom0_grants_held", grants.held);
	}
	hcall_close(h);
	return 0;
}

static void add_store(struct json_object *o)
{
	struct store *s = store_open();

	add(o, "store_nodes", s ? count_nodes(s, "/") : -1);
	store_close(s);
}

/* Of pavd and its helpers. */
static int64_t sum_descriptors(struct json_object *pids)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_object_array_length(pids); i++) {
		sum += count_descriptors(json_object_get_int(json_object_array_get_idx(pids, i)));
	}
	return sum;
}

/*
 * Our processes and how many descriptors they hold, less the one of this very question: its
 * connection is kept open meanwhile, so that it is always there to be left out.
 */
static int add_processes(struct json_object *o)
{
	int fd;
	struct json_object *answer = ask_open(ask_new("pids", NULL), &fd), *pids;

	if (!answer) {
		return CMD_FAILED;
	}
	pids = json_object_object_get(answer, "pids");
	add(o, "processes", (int64_t)json_object_array_length(pids));
	add(o, "descriptors", sum_descriptors(pids) - 1);
	close(fd);
	json_object_put(answer);
	return 0;
}

int cmd_census(int argc, char **argv)
{
	int json = argc == 2 && !strcmp(argv[1], "--json"), rc;
	struct json_object *o = json_object_new_object();

	if (argc > 2 || (argc == 2 && !json)) {
		json_object_put(o);
		return CMD_USAGE;
	}
	/* pavd first, so that nothing of this program's own is open when the rest is counted. */
	rc = add_processes(o);
	if (rc == 0) {
		add_store(o);
		rc = add_hypervisor(o);
	}
	if (rc == 0 && json) {
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_SPACED));
	} else if (rc == 0) {
		json_object_object_foreach(o, key, v)
		{
			printf("%-20s %s\n", key, json_object_get_string(v));
		}
	}
	json_object_put(o);
	return rc;
}
