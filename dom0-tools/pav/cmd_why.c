/* `pav why` and `pav explain`: what the hypervisor refused lately, why, and what can be done about it. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/reason.h"
#include "dom0-tools/pav/ask.h"
#include "dom0-tools/pav/cmd.h"
#include "dom0-tools/pav/host.h"
#include "dom0-tools/pavd/policy.h"

/* --- explain --- */

static void explain(unsigned int code)
{
	const struct reason_text *t = reason_text(code);

	printf("%s (%u): %s.\n  %s\n", t->name, code, t->what, t->remedy);
}

int cmd_explain(int argc, char **argv)
{
	unsigned int code;
	const char *near;

	if (argc > 2) {
		return CMD_USAGE;
	}
	if (argc == 1) {
		for (code = 1; code < reason_count(); code++) {
			printf("%-28s %s\n", reason_text(code)->name, reason_text(code)->what);
		}
		return 0;
	}
	code = reason_find(argv[1]);
	if (!code) {
		near = reason_nearest(argv[1]);
		fprintf(stderr, "pav: there is no reason called %s; %s%s\n", argv[1],
			near ? "perhaps " : "`pav explain` lists them", near ? near : "");
		return CMD_FAILED;
	}
	explain(code);
	return 0;
}

/* --- why --- */

static void print_refusal(const char *domain, const struct pavane_refusal *r)
{
	const struct reason_text *t = reason_text(r->reason);
	char call[32], status[16];

	printf("%s, vCPU %u, %.6f s: %s %#x: %s, %s", domain, r->vcpu, (double)r->time / 1e9,
	       reason_call(r->call, call, sizeof(call)), r->op,
	       reason_status(r->call, r->status, status, sizeof(status)),
	       t ? t->name : "a reason this program does not know");
	if (r->times > 1) {
		printf(", %u times", r->times);
	}
	if (t) {
		printf("\n    %s; value %#llx\n    %s\n", t->what, (unsigned long long)r->value,
		       t->remedy);
	} else {
		printf(" (%u)\n", r->reason);
	}
}

static struct json_object *json_refusal(const struct pavane_refusal *r)
{
	const struct reason_text *t = reason_text(r->reason);
	struct json_object *o = json_object_new_object();
	char text[32];

	json_object_object_add(o, "time_ns", json_object_new_int64((int64_t)r->time));
	json_object_object_add(o, "vcpu", json_object_new_int(r->vcpu));
	json_object_object_add(o, "call",
			       json_object_new_string(reason_call(r->call, text, sizeof(text))));
	json_object_object_add(o, "operation", json_object_new_int64(r->op));
	json_object_object_add(o, "status",
			       json_object_new_string(
				       reason_status(r->call, r->status, text, sizeof(text))));
	json_object_object_add(o, "reason", json_object_new_string(t ? t->name : "unknown"));
	json_object_object_add(o, "value", json_object_new_uint64(r->value));
	json_object_object_add(o, "times", json_object_new_int64(r->times));
	return o;
}

/* Of one domain, as lines or, if list is given, into that. */
static int tell(struct hcall *h, domid_t domid, const char *name, struct json_object *list)
{
	struct pavane_refusal last[PAVANE_REFUSALS];
	uint64_t total;
	int n = hcall_refusals(h, domid, last, PAVANE_REFUSALS, &total);

	if (n < 0) {
		fprintf(stderr, "pav: can't ask the hypervisor what it refused %s: %s\n", name,
			n == -ENOSYS ? "it is not Pavane" : strerror(-n));
		return CMD_FAILED;
	}
	for (int i = 0; i < n; i++) {
		if (list) {
			json_object_array_add(list, json_refusal(&last[i]));
		} else {
			print_refusal(name, &last[i]);
		}
	}
	if (!list && !n) {
		printf("%s: nothing was refused\n", name);
	}
	return 0;
}

/* The control domain by itself, a number as it is, a name by pavd's knowledge; -1 and a sentence. */
static long domain_of(const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	struct json_object *answer;
	long id;

	if (!strcmp(name, CONTROL_DOMAIN_NAME)) {
		return 0;
	}
	if (*name && !*end && number < DOMID_FIRST_RESERVED) {
		return (long)number;
	}
	answer = ask(ask_new("info", name));
	if (!answer) {
		return -1;
	}
	id = json_object_get_int64(json_object_object_get(answer, "domid"));
	json_object_put(answer);
	return id;
}

static int tell_all(struct hcall *h)
{
	struct xen_domctl_getdomaininfo *infos;
	int n = host_domains(h, &infos), rc = n < 0 ? CMD_FAILED : 0;

	if (n < 0) {
		fprintf(stderr, "pav: can't ask the hypervisor for its domains: %s\n",
			strerror(-n));
	}
	for (int i = 0; i < n && !rc; i++) {
		char name[24];

		snprintf(name, sizeof(name), "domain %u", infos[i].domain);
		rc = tell(h, infos[i].domain, name, NULL);
	}
	free(infos);
	return rc;
}

static int why(const char *name, bool json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;
	struct hcall *h = host_open();
	long domid = name && h ? domain_of(name) : 0;
	int rc = CMD_FAILED;

	if (h && domid >= 0) {
		rc = name ? tell(h, (domid_t)domid, name, list) : tell_all(h);
	}
	if (list && rc == 0) {
		puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_SPACED));
	}
	json_object_put(list);
	hcall_close(h);
	return rc;
}

int cmd_why(int argc, char **argv)
{
	bool json = argc == 3 && !strcmp(argv[2], "--json");

	if (argc > 3 || (argc == 3 && !json) || (argc == 2 && argv[1][0] == '-')) {
		return CMD_USAGE;
	}
	return why(argc >= 2 ? argv[1] : NULL, json);
}
