#!/bin/bash
# The control domain: an initial ramdisk of two parts, laid one after the other.
# The base (Debian's programs, modules of the stock kernel) is built once; the
# top (our programs and configuration) each time one of them changes.  The modules of
# another kernel are a third part, for whoever boots it.
# Usage: dom0.sh base | dom0.sh top PROGRAM... | dom0.sh modules KERNEL OUT
cd "$(dirname "$0")/../.."
. config/image/lib.sh
part=$1
shift
root=$(mktemp -d "$IMAGE/dom0.XXXXXX")
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root/usr"/{bin,sbin,lib,lib64}
for d in bin sbin lib lib64; do ln -s "usr/$d" "$root/$d"; done

base() {
	local version f deb
	version=$(cat "$IMAGE/kernel/version")
	mkdir -p "$root"/{dev,proc,sys,run,tmp,mnt,share,scratch,root,etc,srv,var/log,var/lib/misc}
	ln -s /run "$root/var/run"
	chmod 1777 "$root/tmp"
	# Debian's programs with the libraries they name.
	for f in /usr/sbin/dnsmasq /usr/sbin/mke2fs /usr/sbin/e2fsck /usr/bin/curl /usr/bin/socat \
		/usr/bin/bash /usr/sbin/ip /usr/sbin/bridge /usr/bin/sha256sum /usr/bin/dd /usr/bin/ls \
		/usr/sbin/losetup /usr/bin/timeout /usr/bin/stdbuf /usr/bin/cksum; do
		command -v "${f##*/}" >/dev/null || fail "$f: not installed; is its package in config/packages.list?"
		f=$(command -v "${f##*/}")
		put_program "$root" "$f" "/usr/${f#/usr/}"
	done
	ln -sf mke2fs "$root/usr/sbin/mkfs.ext4"
	mkdir -p "$root/usr/libexec/coreutils"
	put_program "$root" /usr/libexec/coreutils/libstdbuf.so
	# Asking our store with somebody else's client is a test, so it is never installed here.
	need_lists
	deb=$(fetch_deb xenstore-utils)
	unpack_deb "$deb" "$IMAGE/xenstore-utils"
	for f in "$IMAGE"/xenstore-utils/usr/bin/xenstore*; do
		[ -L "$f" ] || put_program "$root" "$f" "/usr/bin/${f##*/}"
	done
	rm -rf "$IMAGE/xenstore-utils"
	put_busybox "$root"
	cp /lib/x86_64-linux-gnu/libnss_{files,dns}.so.2 "$root/lib/x86_64-linux-gnu/" 2>/dev/null || true
	# shellcheck disable=SC2086
	put_modules "$root" "$IMAGE/kernel" "$version" $CONTROL_MODULES
	printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\ndnsmasq:x:101:65534::/run:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\ntty:x:5:\n' >"$root/etc/group"
	echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	ldconfig -r "$root" 2>/dev/null || true
	pack "$root" "$IMAGE/dom0-base"
	say "control domain, base: $(du -h "$IMAGE/dom0-base" | cut -f1)"
}

top() {
	local p
	mkdir -p "$root"/{etc/pavane/lib,etc/pavane/examples,usr/libexec/pavane,srv/guests}
	for p in "$@"; do
		[ -x "$p" ] || fail "$p: not built"
		put_program "$root" "$p" "/usr/bin/$(basename "$p")"
	done
	find "$root/usr/bin" -type f -exec strip --strip-debug {} + 2>/dev/null || true
	# What the base has already need not be there twice.
	cpio -t --quiet <"$IMAGE/dom0-base" | sort >"$IMAGE/dom0-base.list"
	(cd "$root" && find usr/lib usr/lib64 -type f | sort) | comm -12 - "$IMAGE/dom0-base.list" |
		while read -r p; do rm "$root/$p"; done
	# The mini-guests, for config/examples/kit.pav.
	for p in build/guests/*; do
		if [ -e "frontends/guests/${p##*/}.c" ]; then strip --strip-debug -o "$root/srv/guests/${p##*/}" "$p"; fi
	done
	install -m 755 config/image/dom0-init "$root/init"
	install -m 755 config/image/dom0-first-guest "$root/etc/pavane/first-guest"
	install -m 755 config/image/dom0-udhcpc "$root/usr/libexec/pavane/udhcpc"
	install -m 644 config/image/dom0-profile "$root/etc/profile"
	cp config/examples/*.pav "$root/etc/pavane/examples/"
	cp config/lib/*.pav "$root/etc/pavane/lib/"
	cp "$IMAGE/guest-initrd" "$root/srv/initrd"
	cp "$IMAGE/kernel/vmlinuz" "$root/srv/vmlinuz"
	cp "$IMAGE/kernel/version" "$root/srv/kernel-version"
	pack "$root" "$IMAGE/dom0-top"
	cat "$IMAGE/dom0-base" "$IMAGE/dom0-top" >"$IMAGE/dom0-initrd.new"
	mv "$IMAGE/dom0-initrd.new" "$IMAGE/dom0-initrd"
	say "control domain: $(du -h "$IMAGE/dom0-initrd" | cut -f1)"
}

modules() {
	local kernel
	kernel=$(kernel_folder "$1")
	# shellcheck disable=SC2086
	put_modules "$root" "$kernel" "$(cat "$kernel/version")" $CONTROL_MODULES
	pack "$root" "$2"
}

case $part in
base) base ;;
top) top "$@" ;;
modules) modules "$@" ;;
*) fail "dom0.sh base | dom0.sh top PROGRAM... | dom0.sh modules KERNEL OUT" ;;
esac
