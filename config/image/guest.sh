#!/bin/bash
# The guest's root file system: a small Debian bookworm, made by mmdebstrap from the
# archive this machine already uses, as an ext4 image in a sparse raw file.
# It runs sysvinit, offers a login on hvc0 (root, password "pavane"), takes its
# address by DHCP and serves one page on port 80.
cd "$(dirname "$0")/../.."
. config/image/lib.sh

need_lists
out=$IMAGE/guest.img
tree=$IMAGE/guest.tar
packages=sysvinit-core,initscripts,sysv-rc,ifupdown,udhcpc,busybox,iproute2,iputils-ping,e2fsprogs,netcat-openbsd,kmod
mapfile -t sources < <(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)|$(CODENAME)' \
	'Created-By: Packages' | sed -n 's/|Debian|bookworm.*//p' | sort -u)
[ ${#sources[@]} -gt 0 ] || fail "this machine's apt knows no Debian 12 archive to take the guest from"

# Installing packages takes root, or name spaces of the person's own (uidmap and a range in
# /etc/subuid), which mmdebstrap finds by itself.  A sudo that does not ask is likelier there.
if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
	with_root() { "$@"; }
fi

say "guest: building a Debian root file system (one to three minutes, once)"
with_root mmdebstrap --quiet --variant=minbase --include="$packages" \
	--aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/i18n/*' \
	--customize-hook="config/image/guest-customize.sh \"\$1\"" \
	bookworm "$tree" "${sources[@]}" >build/logs/mmdebstrap.log 2>&1 || {
	tail -20 build/logs/mmdebstrap.log >&2
	fail "mmdebstrap failed; see build/logs/mmdebstrap.log (it takes root, a sudo that does not ask, or uidmap and subuids)"
}
say "guest: writing the image"
rm -rf "$IMAGE/guest.tree" "$out.new"
# Owners and devices must survive the way through a directory: one fakeroot for both steps.
export tree IMAGE out
as_root bash -ec '
	mkdir "$IMAGE/guest.tree"
	tar -xf "$tree" -C "$IMAGE/guest.tree"
	mke2fs -q -t ext4 -L pavane -d "$IMAGE/guest.tree" "$out.new" 1G
	rm -rf "$IMAGE/guest.tree"'
rm -f "$tree"
mv "$out.new" "$out"
say "guest: ready ($(du -h "$out" | cut -f1) on disk)"
