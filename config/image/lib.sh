# What the image scripts share.  Sourced by them with the root of the tree as
# working directory.  Everything lands in build/image/ and is built once.
set -euo pipefail
IMAGE=build/image
# Who is not root has no administrator's programs in his path: depmod, mke2fs, ldconfig.
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$IMAGE/debs" build/logs

say() { echo "image: $*"; }
fail() {
	echo "image: $*" >&2
	exit 1
}

# as_root COMMAND...: as the person if that is root, else under fakeroot.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else fakeroot "$@"; fi
}

# with_root COMMAND...: with root's rights and not only their look; sudo must not ask.
with_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Package lists may never have been read on this machine.
need_lists() {
	apt-cache show linux-image-amd64 >/dev/null 2>&1 && return
	say "reading package lists"
	with_root apt-get -q update >build/logs/apt-update.log 2>&1 || fail "apt-get update failed; see build/logs/apt-update.log"
}

# Words for apt-get and apt-cache, so that they read another configuration than the machine's.
APT=()

# archive_of CODENAME: where this machine's apt takes that Debian suite from.
archive_of() {
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
		sed -n "s/ Debian $1\$//p" | head -1
}

# private_apt FOLDER SOURCES LOG: from here on APT reads the lines of SOURCES, and keeps its lists and cache in
# FOLDER; the machine's own lists and sources stay as they are.  What is signed with Debian's keys is believed, as ever.
# A list that could not be had is a failure, and LOG says which.
private_apt() {
	local here=$PWD/$1
	mkdir -p "$here"/{lists/partial,cache}
	printf '%s\n' "$2" >"$here/sources.list"
	APT=(-q -o "Dir::Etc::SourceList=$here/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
		-o "Dir::State::Lists=$here/lists" -o Dir::State::Status=/dev/null -o "Dir::Cache=$here/cache"
		-o APT::Sandbox::User= -o Acquire::Languages=none -o APT::Update::Error-Mode=any)
	LC_ALL=C apt-get "${APT[@]}" update >"$3" 2>&1
}

# fetch_deb PACKAGE: downloads it (apt checks it against the signed index) unless
# it is there, and prints the file's name.
fetch_deb() {
	local file version
	version=$(apt-cache "${APT[@]}" policy "$1" | sed -n 's/^  Candidate: //p')
	[ -n "$version" ] && [ "$version" != "(none)" ] || fail "no package $1 in the package lists"
	file=$IMAGE/debs/$1_${version//:/%3a}_amd64.deb
	if ! [ -s "$file" ]; then
		(cd "$IMAGE/debs" && apt-get "${APT[@]}" -q -o APT::Sandbox::User= download "$1=$version" >/dev/null) ||
			fail "could not download $1 $version"
	fi
	[ -s "$file" ] || file=$(ls "$IMAGE/debs/$1_"*.deb | head -1)
	echo "$file"
}

# unpack_deb FILE TREE: extracts it and verifies every file against the package's own checksums.
unpack_deb() {
	mkdir -p "$2"
	dpkg-deb -x "$1" "$2"
	dpkg-deb --ctrl-tarfile "$1" | tar -xO ./md5sums >"$2/.md5sums"
	(cd "$2" && md5sum --quiet -c .md5sums) || fail "$1: a file does not match its checksum"
	rm "$2/.md5sums"
}

# kernel_folder NAME: where a kernel of config/kernels.list lies.
kernel_folder() {
	if [ "$1" = stock ]; then echo "$IMAGE/kernel"; else echo "$IMAGE/kernels/$1"; fi
}

# What a control domain and a guest load, of whichever kernel.  ?NAME is one that some kernels do without.
CONTROL_MODULES='virtio_pci virtio_blk virtio_net nvme ahci sd_mod e1000e ?crc32c_generic ext4 overlay loop tun
	bridge veth 9p 9pnet_virtio xen-gntdev xen-gntalloc xen-evtchn xen-privcmd xenfs'
GUEST_MODULES='xen-blkfront xen-netfront ?crc32c_generic ext4'

# module_files TREE VERSION NAME...: the modules and what they depend on, in load
# order, as paths below lib/modules/VERSION.  What the kernel has built in is none.
module_files() {
	local modules=$1/lib/modules/$2
	shift 2
	awk -v want="$*" '
	function name(p) { sub(/.*\//, "", p); sub(/\.ko.*/, "", p); gsub(/-/, "_", p); return p }
	function visit(m,   i, n, d, optional) {
		optional = sub(/^\?/, "", m); gsub(/-/, "_", m)
		if (m in done || m in builtin || (optional && !(m in path))) { return }
		done[m] = 1
		if (!(m in path)) { print "image: no module " m > "/dev/stderr"; exit 1 }
		n = split(deps[m], d, " ")
		for (i = n; i >= 1; i--) { visit(name(d[i])) }
		print path[m]
	}
	FNR == NR { builtin[name($1)] = 1; next }
	{ p = $1; sub(/:$/, "", p); path[name(p)] = p; $1 = ""; deps[name(p)] = $0 }
	END { k = split(want, w, " "); for (j = 1; j <= k; j++) { visit(name(w[j])) } }' "$modules/modules.builtin" "$modules/modules.dep"
}

# put_modules ROOT TREE VERSION NAME...: copies them, unpacked, and writes the load order.
put_modules() {
	local root=$1 tree=$2 version=$3 f to files
	shift 3
	files=$(module_files "$tree" "$version" "$@")
	mkdir -p "$root/lib/modules/$version"
	: >"$root/lib/modules/order"
	for f in $files; do
		to=/lib/modules/$version/${f%.xz}
		mkdir -p "$root$(dirname "$to")"
		case $f in
		*.xz) xz -dc "$tree/lib/modules/$version/$f" >"$root$to" ;;
		*) cp "$tree/lib/modules/$version/$f" "$root$to" ;;
		esac
		echo "$to" >>"$root/lib/modules/order"
	done
	cp "$tree/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

# put_program ROOT FILE [PLACE]: a program and exactly the libraries it names.
put_program() {
	local root=$1 file=$2 place=${3:-$2} lib
	[ -e "$file" ] || fail "$file: not there"
	mkdir -p "$root/$(dirname "$place")"
	cp -L "$file" "$root/$place"
	{ ldd "$file" 2>/dev/null || true; } | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' |
		while read -r lib; do
			if ! [ -e "$root/$lib" ]; then
				mkdir -p "$root/$(dirname "$lib")"
				cp -L "$lib" "$root/$lib"
			fi
		done
}

# put_busybox ROOT: busybox and a link for each of its commands that is not there yet.
put_busybox() {
	local a
	mkdir -p "$1/bin"
	cp /usr/bin/busybox "$1/bin/busybox"
	for a in $(/usr/bin/busybox --list); do
		[ "$a" = busybox ] || [ -e "$1/usr/sbin/$a" ] || [ -e "$1/usr/bin/$a" ] || ln -sf busybox "$1/bin/$a"
	done
}

# pack ROOT OUT: an initial ramdisk.  Not compressed: QEMU and the toolstack read it
# at the speed of the disk, and unpacking would be most of a boot's instructions.
# A tree with a dev gets its console here: under fakeroot a device is one only until
# that fakeroot ends, so it is made and packed under the same.
pack() {
	as_root bash -e -o pipefail -c '
		cd "$1"
		[ ! -d dev ] || mknod dev/console c 5 1 2>/dev/null || true
		find . -mindepth 1 -printf "%P\0" | sort -z | cpio -0 -o -H newc --quiet -R 0:0' \
		pack "$1" >"$2.new"
	mv "$2.new" "$2"
}
