/*
 * `pav`, the command line.  One table says every command: its word, what its
 * arguments are, one line of help, whether it needs root, and its function.
 * Help and errors come from the same rows.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/pav/cmd.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
	const char *name;
	const char *args;
	const char *help;
	bool root;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "create", "[--json] [-p NAME=VALUE]... [-c] FILE [DOMAIN]...",
	  "create the domains a file describes; -c: stay at the console", true, cmd_create },
	{ "check", "[--json] [--expand] [-p NAME=VALUE]... FILE",
	  "check a file, or print what it comes to; touches nothing", false, cmd_check },
	{ "list", "[--json]", "list the domains", true, cmd_list },
	{ "info", "DOMAIN [--json]", "describe one domain", true, cmd_info },
	{ "console", "DOMAIN", "be at a domain's console; Ctrl-] leaves it", true, cmd_console },
	{ "shutdown", "[-w] DOMAIN", "ask a domain to power off; -w: wait until it has", true,
	  cmd_lifecycle },
	{ "reboot", "[-w] DOMAIN", "ask a domain to reboot; -w: wait until it is down", true,
	  cmd_lifecycle },
	{ "pause", "DOMAIN", "stop a domain's vCPUs", true, cmd_lifecycle },
	{ "resume", "DOMAIN", "let a paused domain go on", true, cmd_lifecycle },
	{ "destroy", "DOMAIN", "end a domain at once", true, cmd_lifecycle },
	{ "disk-attach", "DOMAIN VDEV PATH [ro]", "give a running domain a disk", true,
	  cmd_disk_attach },
	{ "disk-detach", "[-f] DOMAIN VDEV",
	  "take a disk away, even if it is mounted: unmount it first; -f: the root disk, too", true,
	  cmd_disk_detach },
	{ "dmesg", "[-c]", "print the hypervisor's log; -c: and clear it", true, cmd_dmesg },
	{ "why", "[DOMAIN [--json]]",
	  "what the hypervisor refused a domain lately, why, and what to do about it", true,
	  cmd_why },
	{ "explain", "[REASON]", "what a reason means; without one, the list of them", false,
	  cmd_explain },
	{ "census", "[--json]",
	  "count frames, domains, event channels, grants, store nodes, processes", true,
	  cmd_census },
	{ "unpack-kernel", "VMLINUZ OUT", "write the uncompressed ELF inside a kernel file", false,
	  cmd_unpack_kernel },
	{ "version", "", "print the version", false, cmd_version },
	{ "help", "[COMMAND]", "list the commands, or describe one", false, cmd_help },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!strcmp(commands[i].name, name)) {
			return &commands[i];
		}
	}
	return NULL;
}

static void print_usage(FILE *to, const struct command *c)
{
	fprintf(to, "usage: pav %s%s%s\n", c->name, *c->args ? " " : "", c->args);
}

static void describe(const struct command *c)
{
	print_usage(stdout, c);
	printf("  %s%s\n", c->help, c->root ? " (root)" : "");
}

static int cmd_version(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		return CMD_USAGE;
	}
	puts("pav 0.1 (Xen PV ABI 4.17)");
	return 0;
}

static int cmd_help(int argc, char **argv)
{
	if (argc > 2) {
		return CMD_USAGE;
	}
	if (argc == 2) {
		const struct command *c = find_command(argv[1]);

		if (!c) {
			fprintf(stderr, "pav: no command called %s\n", argv[1]);
			return CMD_FAILED;
		}
		describe(c);
		return 0;
	}
	puts("usage: pav COMMAND [ARGUMENTS]\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		char left[100];

		snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].args);
		printf("  %s\n      %s%s\n", left, commands[i].help,
		       commands[i].root ? " (root)" : "");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int rc;

	if (argc < 2) {
		cmd_help(1, argv);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		return cmd_help(1, argv);
	}
	if (!strcmp(argv[1], "--version")) {
		return cmd_version(1, argv);
	}
	c = find_command(argv[1]);
	if (!c) {
		fprintf(stderr, "pav: no command called %s; `pav help` lists them\n", argv[1]);
		return CMD_USAGE;
	}
	if (argc == 3 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		describe(c);
		return 0;
	}
	if (c->root && geteuid() != 0) {
		fprintf(stderr, "pav: %s needs root\n", c->name);
		return CMD_FAILED;
	}
	rc = c->run(argc - 1, argv + 1);
	if (rc == CMD_USAGE) {
		print_usage(stderr, c);
	}
	return rc;
}
