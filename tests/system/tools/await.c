/*
 * Waits until a growing file, from an offset on, matches an extended regular expression:
 * how a test reads a guest's console without a process per look.
 *
 *   await FILE OFFSET REGEX SECONDS     exit status 0: matched, 1: did not
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST (1 << 20)

static char text[MOST + 1];

/* The file's text from offset on, with its zero bytes made blanks. */
static void load(const char *path, long offset)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (f) {
		if (!fseek(f, offset, SEEK_SET)) {
			n = fread(text, 1, MOST, f);
		}
		fclose(f);
	}
	for (size_t i = 0; i < n; i++) {
		if (!text[i]) {
			text[i] = ' ';
		}
	}
	text[n] = 0;
}

int main(int argc, char **argv)
{
	regex_t r;
	time_t end;

	if (argc != 5 || regcomp(&r, argv[3], REG_EXTENDED | REG_NOSUB | REG_NEWLINE)) {
		fprintf(stderr, "usage: await FILE OFFSET REGEX SECONDS\n");
		return 2;
	}
	end = time(NULL) + atoi(argv[4]);
	for (;;) {
		load(argv[1], atol(argv[2]));
		if (!regexec(&r, text, 0, NULL, 0)) {
			return 0;
		}
		if (time(NULL) >= end) {
			return 1;
		}
		usleep(250000);
	}
}
