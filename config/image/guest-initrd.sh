#!/bin/bash
# The guest's initial ramdisk: busybox, the stock modules a paravirtual guest needs
# from the kernel's own package, and an init that finds the root file system.
# Usage: guest-initrd.sh KERNEL OUT
cd "$(dirname "$0")/../.."
. config/image/lib.sh
kernel=$(kernel_folder "$1") out=$2

root=$(mktemp -d "$IMAGE/initrd.XXXXXX")
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root"/{bin,dev,proc,sys,mnt}
cp /usr/bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
# shellcheck disable=SC2086
put_modules "$root" "$kernel" "$(cat "$kernel/version")" $GUEST_MODULES
rm -f "$root/lib/modules"/*/modules.*
install -m 755 config/image/guest-init "$root/init"
pack "$root" "$out"
say "guest initrd, $1: $(du -h "$out" | cut -f1)"
