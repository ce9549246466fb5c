/* See schema.h. */
#include "config/lang/schema.h"

#include <string.h>

const struct noun schema[] = {
	{ CTX_FILE, "include", TAKES_SPECIAL, NULL, CTX_NONE, CHANGE_LIVE,
	  "reads another file, once" },
	{ CTX_FILE, "let", TAKES_SPECIAL, NULL, CTX_NONE, CHANGE_LIVE, "names a constant" },
	{ CTX_FILE, "param", TAKES_SPECIAL, NULL, CTX_NONE, CHANGE_LIVE, "a value given with -p" },
	{ CTX_FILE, "template", TAKES_SPECIAL, NULL, CTX_DOMAIN, CHANGE_LIVE,
	  "a domain's body to use elsewhere" },
	{ CTX_FILE, "domain", TAKES_SPECIAL, NULL, CTX_DOMAIN, CHANGE_LIVE, "a guest, or several" },
	{ CTX_FILE, "when", TAKES_SPECIAL, NULL, CTX_FILE, CHANGE_LIVE,
	  "chooses by params and lets" },

	{ CTX_DOMAIN, "use", TAKES_SPECIAL, NULL, CTX_NONE, CHANGE_LIVE, "splices a template in" },
	{ CTX_DOMAIN, "when", TAKES_SPECIAL, NULL, CTX_DOMAIN, CHANGE_LIVE,
	  "chooses by params and lets" },
	{ CTX_DOMAIN, "memory", TAKES_SIZE, "max", CTX_NONE, CHANGE_LIVE,
	  "what it starts with, and may grow to" },
	{ CTX_DOMAIN, "vcpus", TAKES_COUNT, "max", CTX_NONE, CHANGE_LIVE, "virtual CPUs" },
	{ CTX_DOMAIN, "kernel", TAKES_PATH, NULL, CTX_NONE, CHANGE_RESTART, "ELF or bzImage" },
	{ CTX_DOMAIN, "ramdisk", TAKES_PATH, NULL, CTX_NONE, CHANGE_RESTART, "initial RAM disk" },
	{ CTX_DOMAIN, "cmdline", TAKES_STRING, NULL, CTX_NONE, CHANGE_RESTART,
	  "the kernel's words" },
	{ CTX_DOMAIN, "uuid", TAKES_STRING, NULL, CTX_NONE, CHANGE_REPLACE,
	  "identity; default: chosen" },
	{ CTX_DOMAIN, "console", TAKES_NOTHING, NULL, CTX_CONSOLE, CHANGE_LIVE,
	  "console { log \"file\" }" },
	{ CTX_DOMAIN, "disk", TAKES_NAME, NULL, CTX_DISK, CHANGE_LIVE,
	  "a block device, xvda and on" },
	{ CTX_DOMAIN, "nic", TAKES_NAME, NULL, CTX_NIC, CHANGE_LIVE, "a network interface" },
	{ CTX_DOMAIN, "on", TAKES_EVENT, NULL, CTX_ON, CHANGE_LIVE, "what its end leads to" },

	{ CTX_DISK, "file", TAKES_PATH, NULL, CTX_NONE, CHANGE_RESTART,
	  "raw image or block device" },
	{ CTX_DISK, "readonly", TAKES_NOTHING, NULL, CTX_NONE, CHANGE_RESTART,
	  "writes are refused" },
	{ CTX_NIC, "bridge", TAKES_STRING, NULL, CTX_NONE, CHANGE_RESTART,
	  "the control domain's bridge" },
	{ CTX_NIC, "mac", TAKES_STRING_OR_AUTO, NULL, CTX_NONE, CHANGE_RESTART,
	  "hardware address" },
	{ CTX_NIC, "ip", TAKES_STRING, NULL, CTX_NONE, CHANGE_RESTART,
	  "static address/prefix; default: DHCP" },
	{ CTX_CONSOLE, "log", TAKES_PATH, NULL, CTX_NONE, CHANGE_LIVE, "where its output is kept" },
	{ CTX_ON, "destroy", TAKES_NOTHING, NULL, CTX_NONE, CHANGE_LIVE, "nothing of it stays" },
	{ CTX_ON, "restart", TAKES_NOTHING, NULL, CTX_NONE, CHANGE_LIVE, "it is built again" },
	{ CTX_ON, "preserve", TAKES_NOTHING, NULL, CTX_NONE, CHANGE_LIVE, "it is kept for a look" },
};
const size_t schema_count = sizeof(schema) / sizeof(schema[0]);

const struct noun *schema_find(enum context in, const char *word)
{
	for (size_t i = 0; i < schema_count; i++) {
		if (schema[i].in == in && strcmp(schema[i].word, word) == 0) {
			return &schema[i];
		}
	}
	return NULL;
}

size_t schema_words(enum context in, const char **words, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < schema_count && n < max; i++) {
		if (schema[i].in == in) {
			words[n++] = schema[i].word;
		}
	}
	return n;
}
