#!/bin/bash
# Debian's stock kernel: downloads the package linux-image-amd64 stands for, verifies
# it, and leaves build/image/kernel/{vmlinuz,version,lib/modules/...}.  Nothing
# is installed on this machine.  Remove build/image/kernel to take a newer one.
cd "$(dirname "$0")/../.."
. config/image/lib.sh

need_lists
version=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9].*\)$/\1/p' | head -1)
[ -n "$version" ] || fail "the package lists name no kernel behind linux-image-amd64"
say "kernel $version: downloading"
deb=$(fetch_deb "linux-image-$version")
tree=$IMAGE/kernel.new
rm -rf "$tree"
say "kernel $version: unpacking and verifying"
unpack_deb "$deb" "$tree"
depmod -b "$tree" "$version"
cp "$tree/boot/vmlinuz-$version" "$tree/vmlinuz"
dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./md5sums | sed -n 's/ .*boot.vmlinuz.*//p' >"$tree/vmlinuz.md5"
cp "$tree/boot/config-$version" "$tree/config"
rm -rf "$tree/boot" "$tree/usr"
echo "$version" >"$tree/version"
rm -rf "$IMAGE/kernel"
mv "$tree" "$IMAGE/kernel"
rm -f "$deb"
say "kernel $version: ready"
