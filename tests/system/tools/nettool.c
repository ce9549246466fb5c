/*
 * The other end of the network tests, in guests and in the control domain: TCP
 * streams whose bytes come from and go to files, and numbered UDP packets at a given
 * rate.  Static, so that it runs in any guest that can fetch it.
 *
 * HOST is a numeric IPv4 or IPv6 address, the latter with %INTERFACE where it needs one.
 *
 *   nettool tcp-send HOST PORT <FILE      nettool tcp-recv PORT >FILE
 *   nettool tcp-source HOST PORT MIB      nettool tcp-sink PORT
 *       bytes made up and thrown away in place: nothing is measured but the network;
 *       the source prints "N Mbit/s", the sink serves one connection after the other
 *   nettool udp-send HOST PORT COUNT RATE
 *   nettool udp-recv PORT COUNT SECONDS   prints "received N duplicates D reordered R"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "nettool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* One family does for both: an IPv4 address has a place among IPv6's. */
static struct sockaddr_in6 address(const char *host, const char *port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)atoi(port)) };
	char text[80];
	char *scope;

	if (!host) {
		return a;
	}
	snprintf(text, sizeof(text), "%s%s", strchr(host, ':') ? "" : "::ffff:", host);
	scope = strchr(text, '%');
	if (scope) {
		*scope++ = '\0';
		a.sin6_scope_id = if_nametoindex(scope);
	}
	if (inet_pton(AF_INET6, text, &a.sin6_addr) != 1 || (scope && !a.sin6_scope_id)) {
		fprintf(stderr, "nettool: %s is no address here\n", host);
		exit(2);
	}
	return a;
}

static int bound_socket(int type, const char *port)
{
	struct sockaddr_in6 a = address(NULL, port);
	int one = 1, fd = socket(AF_INET6, type, 0);

	if (fd < 0) {
		die("socket");
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		die("bind");
	}
	return fd;
}

/* Moves everything from one descriptor to another. */
static void copy_all(int from, int to)
{
	static char buf[1 << 16];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buf + done, (size_t)(n - done));

			if (w < 0) {
				die("write");
			}
			done += w;
		}
	}
	if (n < 0) {
		die("read");
	}
}

/* The receiver may still be starting: up to ten seconds of patience. */
static int connected_socket(const char *host, const char *port)
{
	struct sockaddr_in6 a = address(host, port);
	int fd;

	for (int i = 0; i < 100; i++) {
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		if (fd < 0) {
			die("socket");
		}
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a))) {
			return fd;
		}
		close(fd);
		usleep(100000);
	}
	die("connect");
}

/* The receiver closes when it has everything. */
static void finish_sending(int fd)
{
	char last;

	shutdown(fd, SHUT_WR);
	if (read(fd, &last, 1) < 0) {
		die("waiting for the receiver");
	}
	close(fd);
}

static int tcp_send(const char *host, const char *port)
{
	int fd = connected_socket(host, port);

	copy_all(0, fd);
	finish_sending(fd);
	return 0;
}

static int tcp_recv(const char *port)
{
	int listener = bound_socket(SOCK_STREAM, port), fd;

	if (listen(listener, 1) || (fd = accept(listener, NULL, NULL)) < 0) {
		die("listen");
	}
	copy_all(fd, 1);
	return 0;
}

static char bulk[128 << 10];

static int tcp_source(const char *host, const char *port, int64_t bytes)
{
	int fd = connected_socket(host, port);
	int64_t start = now_ns(), left = bytes;

	while (left > 0) {
		ssize_t n = write(fd, bulk,
				  left < (int64_t)sizeof(bulk) ? (size_t)left : sizeof(bulk));

		if (n < 0) {
			die("write");
		}
		left -= n;
	}
	finish_sending(fd);
	printf("%lld Mbit/s\n", (long long)(bytes * 8000 / (now_ns() - start)));
	return 0;
}

static int tcp_sink(const char *port)
{
	int listener = bound_socket(SOCK_STREAM, port), fd;

	if (listen(listener, 4)) {
		die("listen");
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read(fd, bulk, sizeof(bulk)) > 0) {
		}
		close(fd);
	}
	die("accept");
}

static int udp_send(const char *host, const char *port, uint32_t count, double rate)
{
	struct sockaddr_in6 a = address(host, port);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	int64_t start = now_ns();
	char packet[64] = { 0 };

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		die("connect");
	}
	for (uint32_t i = 0; i < count; i++) {
		int64_t due = start + (int64_t)(i / rate * 1e9), wait = due - now_ns();
		/* Never more than a short burst behind the clock: this is a rate, not a flood. */
		if (wait > 0) {
			usleep((useconds_t)(wait / 1000 + 1));
		} else if (wait < -20000000) {
			start -= wait;
		}
		memcpy(packet, &i, sizeof(i));
		if (send(fd, packet, sizeof(packet), 0) < 0) {
			die("send");
		}
	}
	printf("sent %u in %.1f s\n", count, (double)(now_ns() - start) / 1e9);
	return 0;
}

static int udp_recv(const char *port, uint32_t count, int seconds)
{
	int fd = bound_socket(SOCK_DGRAM, port), big = 4 << 20;
	uint8_t *seen = calloc(count, 1);
	uint32_t got = 0, duplicates = 0, reordered = 0, next = 0;
	int64_t end = now_ns() + seconds * 1000000000LL;

	if (!seen) {
		die("memory");
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	fprintf(stderr, "ready\n");
	while (got < count && now_ns() < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char packet[64];
		uint32_t i;

		if (poll(&p, 1, 200) <= 0) {
			continue;
		}
		if (recv(fd, packet, sizeof(packet), 0) != sizeof(packet)) {
			continue;
		}
		memcpy(&i, packet, sizeof(i));
		if (i >= count) {
			continue;
		}
		if (seen[i]) {
			duplicates++;
			continue;
		}
		seen[i] = 1;
		got++;
		reordered += i < next;
		next = i + 1 > next ? i + 1 : next;
	}
	printf("received %u duplicates %u reordered %u\n", got, duplicates, reordered);
	free(seen);
	return got == count && !duplicates ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "tcp-send") && argc == 4) {
		return tcp_send(argv[2], argv[3]);
	}
	if (!strcmp(what, "tcp-recv") && argc == 3) {
		return tcp_recv(argv[2]);
	}
	if (!strcmp(what, "tcp-source") && argc == 5) {
		return tcp_source(argv[2], argv[3], atoll(argv[4]) << 20);
	}
	if (!strcmp(what, "tcp-sink") && argc == 3) {
		return tcp_sink(argv[2]);
	}
	if (!strcmp(what, "udp-send") && argc == 6) {
		return udp_send(argv[2], argv[3], (uint32_t)atoi(argv[4]), atof(argv[5]));
	}
	if (!strcmp(what, "udp-recv") && argc == 5) {
		return udp_recv(argv[2], (uint32_t)atoi(argv[3]), atoi(argv[4]));
	}
	fprintf(stderr, "usage: see the head of nettool.c\n");
	return 2;
}
