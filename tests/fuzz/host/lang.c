/* A .pav file: read, expanded, checked and printed in normal form, which must then be read again without a complaint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/lang/lang.h"
#include "tests/fuzz/host/target.h"

static struct lang_file *read_text(const void *text, size_t size, FILE *err)
{
	char path[] = "/tmp/fuzz-lang-XXXXXX";
	int fd = mkstemp(path);
	struct lang_file *f;

	must(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	close(fd);
	f = lang_read(path, NULL, 0, err);
	unlink(path);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *err = fopen("/dev/null", "w");
	struct lang_file *f;
	char *normal = NULL;
	size_t n = 0;
	FILE *out;

	/* Other files are not this target's. */
	if (memmem(data, size, "include", 7)) {
		fclose(err);
		return 0;
	}
	f = read_text(data, size, err);
	if (f) {
		out = open_memstream(&normal, &n);
		lang_print_normal(f, out);
		fclose(out);
		lang_free(f);
		f = read_text(normal, n, err);
		must(f);
		lang_free(f);
		free(normal);
	}
	fclose(err);
	return 0;
}
