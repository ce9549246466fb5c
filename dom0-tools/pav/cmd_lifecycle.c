/* `pav shutdown|reboot|pause|resume|destroy` and `pav disk-attach|disk-detach`: requests to pavd as they are. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/pav/ask.h"
#include "dom0-tools/pav/cmd.h"

int cmd_lifecycle(int argc, char **argv)
{
	bool can_wait = !strcmp(argv[0], "shutdown") || !strcmp(argv[0], "reboot");
	bool wait = can_wait && argc > 1 && !strcmp(argv[1], "-w");
	struct json_object *req;

	if (argc != (wait ? 3 : 2) || (!wait && argv[1][0] == '-')) {
		return CMD_USAGE;
	}
	req = ask_new(argv[0], argv[wait ? 2 : 1]);
	if (wait) {
		json_object_object_add(req, "wait", json_object_new_boolean(1));
	}
	return ask_plain(req);
}

int cmd_disk_attach(int argc, char **argv)
{
	bool readonly = argc == 5 && !strcmp(argv[4], "ro");
	struct json_object *req;
	char *path;

	if (argc != 4 && !readonly) {
		return CMD_USAGE;
	}
	/* pavd runs elsewhere: it must not depend on our directory. */
	path = realpath(argv[3], NULL);
	if (!path) {
		fprintf(stderr, "pav: disk %s: %m\n", argv[3]);
		return CMD_FAILED;
	}
	req = ask_new("disk-attach", argv[1]);
	json_object_object_add(req, "vdev", json_object_new_string(argv[2]));
	json_object_object_add(req, "path", json_object_new_string(path));
	json_object_object_add(req, "readonly", json_object_new_boolean(readonly));
	free(path);
	return ask_plain(req);
}

int cmd_disk_detach(int argc, char **argv)
{
	bool force = argc > 1 && !strcmp(argv[1], "-f");
	struct json_object *req;

	argv += force;
	if (argc != 3 + force || argv[1][0] == '-') {
		return CMD_USAGE;
	}
	req = ask_new("disk-detach", argv[1]);
	json_object_object_add(req, "vdev", json_object_new_string(argv[2]));
	json_object_object_add(req, "force", json_object_new_boolean(force));
	return ask_plain(req);
}
