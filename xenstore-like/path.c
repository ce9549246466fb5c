/* Path syntax: what is accepted, and how a guest's own names become absolute. */
#include "xenstore-like/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '@' || c == '/';
}

/* Components of known characters, none of them empty; text does not start with '/'. */
static bool is_plain(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (!is_name_char(*p)) {
			return false;
		}
		if (*p == '/' && (p == text || p[1] == '/' || !p[1])) {
			return false;
		}
	}
	return *text != '\0';
}

/* What a limit on relative paths applies to: the part below some domain's own directory. */
static size_t private_part_len(const char *text)
{
	static const char home[] = "/local/domain/";
	const char *p = text + sizeof(home) - 1;

	if (strncmp(text, home, sizeof(home) - 1)) {
		return 0;
	}
	p += strspn(p, "0123456789");
	return *p == '/' ? strlen(p + 1) : 0;
}

static int resolve_absolute(struct path *out, const char *text)
{
	if (strlen(text) > PATH_ABS_MAX || private_part_len(text) > PATH_REL_MAX) {
		return -EINVAL;
	}
	if (text[1] && !is_plain(text + 1)) {
		return -EINVAL;
	}
	out->relative_skip = 0;
	memcpy(out->text, text, strlen(text) + 1);
	return 0;
}

int path_resolve(struct path *out, const char *text, unsigned int domid)
{
	int n;

	if (text[0] == '/') {
		return resolve_absolute(out, text);
	}
	if (text[0] == '@' || strlen(text) > PATH_REL_MAX || !is_plain(text)) {
		return -EINVAL;
	}
	n = snprintf(out->text, sizeof(out->text), "/local/domain/%u/%s", domid, text);
	out->relative_skip = (size_t)n - strlen(text);
	return 0;
}

int path_resolve_watch(struct path *out, const char *text, unsigned int domid)
{
	if (strcmp(text, PATH_INTRODUCE) && strcmp(text, PATH_RELEASE)) {
		return path_resolve(out, text, domid);
	}
	out->relative_skip = 0;
	memcpy(out->text, text, strlen(text) + 1);
	return 0;
}

bool path_is_at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (len == 1 && top[0] == '/') {
		return path[0] == '/';
	}
	return !strncmp(path, top, len) && (path[len] == '\0' || path[len] == '/');
}

size_t path_parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? (size_t)(slash - path) : 1;
}
