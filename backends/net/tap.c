/* Making the TAP device; tap.h says what comes out. */
#include "backends/net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define QUEUE_PACKETS 4096 /* what may wait while the process does not run */

static void name_ifreq(struct ifreq *ifr, const char *name)
{
	memset(ifr, 0, sizeof(*ifr));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
}

/* The control domain must not speak on the guest's cable by itself. */
static void silence_ipv6(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1) {
			log_warn("%s: %m", path);
		}
		close(fd);
	}
}

static int set_up(int sock, const char *name)
{
	struct ifreq ifr;

	name_ifreq(&ifr, name);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	/* The highest address, so that the bridge never takes it for its own. */
	memcpy(ifr.ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
	if (ioctl(sock, SIOCSIFHWADDR, &ifr)) {
		return -1;
	}
	name_ifreq(&ifr, name);
	ifr.ifr_qlen = QUEUE_PACKETS;
	if (ioctl(sock, SIOCSIFTXQLEN, &ifr)) {
		return -1;
	}
	name_ifreq(&ifr, name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr)) {
		return -1;
	}
	ifr.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &ifr);
}

/* Same packet size as the bridge, so that what it forwards fits. */
static int copy_mtu(int sock, const char *name, const char *bridge)
{
	struct ifreq ifr;
	int mtu;

	name_ifreq(&ifr, bridge);
	if (ioctl(sock, SIOCGIFMTU, &ifr)) {
		return -1;
	}
	mtu = ifr.ifr_mtu;
	name_ifreq(&ifr, name);
	ifr.ifr_mtu = mtu;
	return ioctl(sock, SIOCSIFMTU, &ifr);
}

static int join_bridge(int sock, const char *name, const char *bridge, char **err)
{
	struct ifreq ifr;
	unsigned int index = if_nametoindex(name);

	if (!if_nametoindex(bridge)) {
		return fail(err, "no such bridge: %s", bridge);
	}
	if (copy_mtu(sock, name, bridge)) {
		return fail(err, "%s: can't take over its MTU: %s", bridge, strerror(errno));
	}
	name_ifreq(&ifr, bridge);
	ifr.ifr_ifindex = (int)index;
	if (ioctl(sock, SIOCBRADDIF, &ifr)) {
		return fail(err, "can't put %s on %s: %s", name, bridge,
			    errno == EOPNOTSUPP ? "not a bridge" : strerror(errno));
	}
	return 0;
}

static int make(const char *name, char **err)
{
	struct ifreq ifr;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		return fail(err, "/dev/net/tun: %s", strerror(errno));
	}
	name_ifreq(&ifr, name);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		int rc = fail(err, "can't make interface %s: %s", name, strerror(errno));

		close(fd);
		return rc;
	}
	return fd;
}

int tap_open(const char *name, const char *bridge, char **err)
{
	int sock, fd = make(name, err);

	if (fd < 0) {
		return fd;
	}
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		fail(err, "socket: %s", strerror(errno));
		goto out_close;
	}
	tap_set_carrier(fd, false);
	silence_ipv6(name);
	if (join_bridge(sock, name, bridge, err)) {
		goto out_sock;
	}
	if (set_up(sock, name)) {
		fail(err, "can't bring %s up: %s", name, strerror(errno));
		goto out_sock;
	}
	close(sock);
	return fd;

out_sock:
	close(sock);
out_close:
	close(fd);
	return -1;
}

void tap_set_offloads(int fd, bool csum, bool tso4, bool tso6)
{
	unsigned long flags = csum ? TUN_F_CSUM : 0;

	if (csum) {
		flags |= (tso4 ? TUN_F_TSO4 : 0UL) | (tso6 ? TUN_F_TSO6 : 0UL);
	}
	if (ioctl(fd, TUNSETOFFLOAD, flags)) {
		log_warn("offloads: %m");
	}
}

void tap_set_carrier(int fd, bool on)
{
	int value = on;

	if (ioctl(fd, TUNSETCARRIER, &value)) {
		log_warn("carrier: %m");
	}
}
