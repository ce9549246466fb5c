/*
 * Waits until a growing file, from an offset on, matches an extended regular expression:
 * how a test reads a guest's console without a process per look.
 *
 *   await FILE OFFSET REGEX SECONDS     exit status 0: matched, 1: did not
 *   await -c PIPE FILE COMMAND SECONDS  types a command to a guest's shell through PIPE, waits
 *       for its end in FILE, prints what it printed; its exit status, or 124
 */
#include <fcntl.h>
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

/* The size of a file now, 0 if it is not there. */
static long size_of(const char *path)
{
	FILE *f = fopen(path, "r");
	long size = 0;

	if (f) {
		fseek(f, 0, SEEK_END);
		size = ftell(f);
		fclose(f);
	}
	return size;
}

static int run_command(const char *pipe, const char *file, const char *command, int seconds)
{
	time_t end = time(NULL) + seconds;
	long offset = size_of(file);
	char mark[40], line[4096];
	int fd = open(pipe, O_WRONLY), n;

	/* The guest's shell makes the sum, so that an echo of the line is no match. */
	snprintf(mark, sizeof(mark), "@@%d=", (int)getpid() + 1);
	n = snprintf(line, sizeof(line), "%s; echo @@$((%d+1))=$?\r", command, (int)getpid());
	if (fd < 0 || n >= (int)sizeof(line) || write(fd, line, (size_t)n) != n) {
		perror(pipe);
		return 125;
	}
	close(fd);
	while (time(NULL) <= end) {
		char *at, *to = text;

		load(file, offset);
		at = strstr(text, mark);
		if (at && strchr(at, '\n')) {
			int status = atoi(at + strlen(mark));

			*at = 0;
			for (char *from = text; *from; from++) {
				if (*from != '\r') {
					*to++ = *from;
				}
			}
			fwrite(text, 1, (size_t)(to - text), stdout);
			return status;
		}
		usleep(100000);
	}
	return 124;
}

int main(int argc, char **argv)
{
	regex_t r;
	time_t end;

	if (argc == 6 && !strcmp(argv[1], "-c")) {
		return run_command(argv[2], argv[3], argv[4], atoi(argv[5]));
	}
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
