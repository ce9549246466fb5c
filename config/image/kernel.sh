#!/bin/bash
# A kernel of config/kernels.list: downloads the package it stands for, verifies it, and leaves it in its folder
# as vmlinuz, vmlinuz.md5, config, version, package (that is, its version) and lib/modules/.  Nothing is installed
# on this machine, and its list of sources stays as it is.  If the archive has no such suite or package, the
# folder's file absent says so.  Remove the folder to take a newer one.
# Usage: kernel.sh NAME
cd "$(dirname "$0")/../.."
. config/image/lib.sh
folder=$(kernel_folder "$1")
read -r suite package < <(sed 's/#.*//' config/kernels.list | awk -v n="$1" '$1 == n { print $2, $3 }') ||
	fail "config/kernels.list has no kernel $1"
tree=$folder.new
rm -rf "$tree"
mkdir -p "$tree"

absent() {
	say "$package of $suite: $*"
	rm -rf "$folder" "$tree/apt"
	mv "$tree" "$folder"
	echo "$*" >"$folder/absent"
	exit 0
}

# The archive this machine takes Debian 12 from has the other suites as well, or its mirror may not.
use_suite() {
	local of=bookworm archive log=build/logs/kernel-$suite.log
	case $suite in
	*-security) of=bookworm-security ;;
	esac
	archive=$(archive_of $of)
	[ -n "$archive" ] || fail "this machine's apt knows no archive with $of, so none to look for $suite in"
	say "$suite: reading package lists"
	private_apt "$tree/apt" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" "$log" && return
	if grep -qE '(does not have|no longer has) a Release file' "$log"; then
		absent "the archive that this machine's apt names has no suite $suite"
	fi
	grep '^E: ' "$log" >&2
	fail "no package list of $suite; see $log"
}

if [ "$suite" = here ]; then need_lists; else use_suite; fi
image=$(apt-cache "${APT[@]}" depends "$package" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)$/\1/p' | head -1)
[ -n "$image" ] || absent "no kernel behind $package in the package lists of $suite"
version=${image#linux-image-}
# Newer packages have the kernel itself, its modules and its configuration apart.
mapfile -t parts < <(apt-cache "${APT[@]}" depends "$image" |
	sed -n "s/.*Depends: \(linux-\(base\|binary\|modules\)-$version\)$/\1/p")
say "kernel $version: downloading"
debs=()
for part in "$image" "${parts[@]}"; do
	deb=$(fetch_deb "$part")
	debs+=("$deb")
done
say "kernel $version: unpacking and verifying"
for deb in "${debs[@]}"; do
	dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./md5sums | sed -n 's/ .*\/vmlinuz.*//p' >>"$tree/vmlinuz.md5"
	unpack_deb "$deb" "$tree"
done
if [ -d "$tree/usr/lib/modules" ]; then
	mkdir -p "$tree/lib"
	mv "$tree/usr/lib/modules" "$tree/lib/modules"
fi
modules=$tree/lib/modules/$version
for part in vmlinuz config; do
	if [ -e "$tree/boot/$part-$version" ]; then
		mv "$tree/boot/$part-$version" "$tree/$part"
	else
		mv "$modules/$part" "$tree/$part"
	fi
done
depmod -b "$tree" "$version"
rm -rf "$tree/boot" "$tree/usr" "$tree/apt"
dpkg-deb -f "${debs[0]}" Version >"$tree/package"
echo "$version" >"$tree/version"
rm -rf "$folder"
mv "$tree" "$folder"
rm -f "${debs[@]}"
say "kernel $version: ready"
