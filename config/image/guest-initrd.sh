#!/bin/bash
# The guest's initial ramdisk: busybox, the stock modules a paravirtual guest needs
# from the kernel's own package, and an init that finds the root file system.
cd "$(dirname "$0")/../.."
. config/image/lib.sh

root=$(mktemp -d "$IMAGE/initrd.XXXXXX")
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root"/{bin,dev,proc,sys,mnt}
cp /usr/bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
put_modules "$root" "$IMAGE/kernel" "$(cat "$IMAGE/kernel/version")" \
	xen-blkfront xen-netfront crc32c_generic ext4
rm -f "$root/lib/modules"/*/modules.*
install -m 755 config/image/guest-init "$root/init"
pack "$root" "$IMAGE/guest-initrd"
say "guest initrd: $(du -h "$IMAGE/guest-initrd" | cut -f1)"
