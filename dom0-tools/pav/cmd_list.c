/* `pav list` and `pav info`: what runs, for people and for programs. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/hcall.h"
#include "dom0-tools/model/domspec.h"
#include "dom0-tools/pav/ask.h"
#include "dom0-tools/pav/cmd.h"
#include "dom0-tools/pavd/policy.h"

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return v ? json_object_get_string(v) : "";
}

static int64_t number_of(struct json_object *o, const char *key)
{
	return json_object_get_int64(json_object_object_get(o, key));
}

/* The control domain is not one of pavd's guests: asked for directly.  NULL if that can't be done. */
static struct json_object *control_domain(void)
{
	struct xen_domctl_getdomaininfo info;
	struct hcall *h = hcall_open(NULL);
	struct json_object *o = NULL;

	if (!h) {
		return NULL;
	}
	if (hcall_domain_info(h, 0, &info) == 0) {
		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(CONTROL_DOMAIN_NAME));
		json_object_object_add(o, "domid", json_object_new_int(0));
		json_object_object_add(o, "state",
				       json_object_new_string(policy_state(info.flags)));
		json_object_object_add(o, "memory",
				       json_object_new_int64((int64_t)(info.tot_pages << 12)));
		json_object_object_add(o, "vcpus", json_object_new_int64(info.nr_online_vcpus));
		json_object_object_add(o, "cpu_seconds",
				       json_object_new_double((double)info.cpu_time / 1e9));
	}
	hcall_close(h);
	return o;
}

static bool names_control_domain(const char *name)
{
	return !strcmp(name, CONTROL_DOMAIN_NAME) || !strcmp(name, "0");
}

static int compare_ids(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a,
			   *y = *(struct json_object *const *)b;

	return (int)(number_of(x, "domid") - number_of(y, "domid"));
}

/* Nothing here changes from one moment to the next by itself: two lists can be compared. */
static void print_table(struct json_object *domains)
{
	printf("%-24s %5s %7s %5s  %s\n", "NAME", "ID", "MEM/MiB", "VCPUS", "STATE");
	for (size_t i = 0; i < json_object_array_length(domains); i++) {
		struct json_object *d = json_object_array_get_idx(domains, i);

		printf("%-24s %5lld %7lld %5lld  %s\n", text_of(d, "name"),
		       (long long)number_of(d, "domid"), (long long)(number_of(d, "memory") >> 20),
		       (long long)number_of(d, "vcpus"), text_of(d, "state"));
	}
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
}

int cmd_list(int argc, char **argv)
{
	int json = argc == 2 && !strcmp(argv[1], "--json");
	struct json_object *answer, *domains, *control;

	if (argc > 2 || (argc == 2 && !json)) {
		return CMD_USAGE;
	}
	answer = ask(ask_new("list", NULL));
	if (!answer) {
		return CMD_FAILED;
	}
	domains = json_object_object_get(answer, "domains");
	control = control_domain();
	if (control) {
		json_object_array_add(domains, control);
	}
	json_object_array_sort(domains, compare_ids);
	if (json) {
		print_json(domains);
	} else {
		print_table(domains);
	}
	json_object_put(answer);
	return 0;
}

static void print_devices(struct json_object *devices)
{
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *d = json_object_array_get_idx(devices, i);

		printf("%-12s %s, helper pid %lld, started again %lld times\n", text_of(d, "label"),
		       !strcmp(text_of(d, "kind"), "vbd") ? "disk" : "network interface",
		       (long long)number_of(d, "pid"), (long long)number_of(d, "restarts"));
	}
}

static void print_info(struct json_object *d)
{
	struct json_object *spec = json_object_object_get(d, "spec");

	printf("%-12s %s\n", "name", text_of(d, "name"));
	printf("%-12s %lld\n", "domid", (long long)number_of(d, "domid"));
	printf("%-12s %s\n", "uuid", text_of(d, "uuid"));
	printf("%-12s %s%s%s\n", "state", text_of(d, "state"), *text_of(d, "reason") ? ", " : "",
	       text_of(d, "reason"));
	printf("%-12s %lld MiB of at most %lld MiB\n", "memory",
	       (long long)(number_of(d, "memory") >> 20),
	       (long long)(number_of(d, "max_memory") >> 20));
	printf("%-12s %lld\n", "vcpus", (long long)number_of(d, "vcpus"));
	printf("%-12s %.1f s\n", "cpu time",
	       json_object_get_double(json_object_object_get(d, "cpu_seconds")));
	printf("%-12s %s\n", "kernel", text_of(spec, "kernel"));
	if (*text_of(spec, "ramdisk")) {
		printf("%-12s %s\n", "ramdisk", text_of(spec, "ramdisk"));
	}
	printf("%-12s %s\n", "cmdline", text_of(spec, "cmdline"));
	printf("%-12s %s\n", "console log", text_of(d, "console_log"));
	print_devices(json_object_object_get(d, "devices"));
}

/* It has no spec, no devices and no console log: what is left to say. */
static int info_control_domain(bool json)
{
	struct json_object *d = control_domain();

	if (!d) {
		fprintf(stderr, "pav: can't ask the hypervisor about the control domain\n");
		return CMD_FAILED;
	}
	if (json) {
		print_json(d);
	} else {
		printf("%-12s %s, the control domain\n", "name", text_of(d, "name"));
		printf("%-12s %lld\n", "domid", (long long)number_of(d, "domid"));
		printf("%-12s %s\n", "state", text_of(d, "state"));
		printf("%-12s %lld MiB\n", "memory", (long long)(number_of(d, "memory") >> 20));
		printf("%-12s %lld\n", "vcpus", (long long)number_of(d, "vcpus"));
		printf("%-12s %.1f s\n", "cpu time",
		       json_object_get_double(json_object_object_get(d, "cpu_seconds")));
	}
	json_object_put(d);
	return 0;
}

int cmd_info(int argc, char **argv)
{
	struct json_object *answer;

	if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "--json"))) {
		return CMD_USAGE;
	}
	if (names_control_domain(argv[1])) {
		return info_control_domain(argc == 3);
	}
	answer = ask(ask_new("info", argv[1]));
	if (!answer) {
		return CMD_FAILED;
	}
	if (argc == 3) {
		print_json(json_object_object_get(answer, "domain"));
	} else {
		print_info(json_object_object_get(answer, "domain"));
	}
	json_object_put(answer);
	return 0;
}
