#!/bin/bash
# Turns a fresh Debian tree ($1) into our guest: console login, network, web page.
# Everything here is configuration; the packages' files stay as they are.
set -eu
root=$1
here=$(cd "$(dirname "$0")" && pwd)

echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
echo 'root:pavane' | chpasswd -R "$root" 2>/dev/null || echo 'root:pavane' | chroot "$root" chpasswd
printf '/dev/xvda / ext4 rw,noatime 0 0\nproc /proc proc defaults 0 0\n' >"$root/etc/fstab"
printf 'auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n' >"$root/etc/network/interfaces"
echo hvc0 >>"$root/etc/securetty"
: >"$root/etc/motd"
install -m 644 "$here/guest-inittab" "$root/etc/inittab"
install -m 755 "$here/guest-rc" "$root/etc/init.d/pavane"
mkdir -p "$root/var/www"
echo '<html><body>A Debian guest on Pavane.</body></html>' >"$root/var/www/index.html"
# No clock of its own to set, no keyboard, and the initial ramdisk has mounted the one file
# system there is: these start-up scripts have nothing to do in a guest.
for s in hwclock.sh checkroot.sh checkfs.sh checkroot-bootclean.sh keyboard-setup.sh console-setup.sh \
	kmod mount-configfs mountall.sh mountall-bootclean.sh udev mountnfs.sh mountnfs-bootclean.sh brightness; do
	rm -f "$root"/etc/rcS.d/S??"$s" "$root"/etc/rc?.d/S??"$s"
done
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
