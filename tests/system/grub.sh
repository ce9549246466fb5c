#!/bin/bash
# GRUB 2 starts the hypervisor by Multiboot 2, and by Multiboot 1, with a control domain as module:
# the words of both command lines arrive, and "placeholder" does not.  No image tools are needed: GRUB's
# own sectors are one disk, the files a tar archive on another, which GRUB reads as a file system.
# limit: 50
set -u
cd "$(dirname "$0")/../.." || exit 1
grub=/usr/lib/grub/i386-pc
hypervisor=${PAVANE_HYPERVISOR:-build/pavane}
command -v grub-mkimage >/dev/null && [ -e $grub/boot.img ] || exit 77
mkdir -p build/logs/system
dir=$(mktemp -d)
trap 'kill ${qemu:-} 2>/dev/null; rm -rf "$dir"' EXIT
cp "$hypervisor" "$dir/pavane"
cp build/guests/hello "$dir/hello"
tar -C "$dir" --format=ustar -cf "$dir/files" pavane hello

boot() { # boot LOG LINES OF GRUB...
	local log=$1
	shift
	rm -f "$log"
	printf '%s\n' 'set root=(hd1)' "$@" boot >"$dir/config"
	grub-mkimage -O i386-pc -p /nowhere -c "$dir/config" -o "$dir/core.img" biosdisk tar multiboot multiboot2 boot ||
		return
	cat $grub/boot.img "$dir/core.img" >"$dir/disk"
	truncate -s 1M "$dir/disk"
	timeout -k 2 20 qemu-system-x86_64 -machine q35 -cpu max,-smap -smp 1 -m 512 -nodefaults -nographic \
		-no-reboot -accel tcg,thread=single -serial "file:$log" -monitor none \
		-drive "file=$dir/disk,format=raw" -drive "file=$dir/files,format=raw" </dev/null >/dev/null 2>&1 &
	qemu=$!
	wait $qemu
}
says() { # says LOG TEXT REGEX...
	local log=$1 text=$2 re
	shift 2
	for re; do
		if ! tr -d '\r' <"$log" | grep -aqE "$re"; then
			echo "FAILED $text: nothing says '$re':"
			tail -n 15 "$log" | sed 's/^/> /'
			return
		fi
	done
	echo "ok $text"
}

for n in 2 1; do
	v=${n/1/}
	log=build/logs/system/grub.multiboot$n.log
	boot "$log" "multiboot$v /pavane placeholder dom0_mem=64M,max:64M" "module$v /hello console=hvc0 answer=42"
	says "$log" "Multiboot $n: GRUB starts hypervisor and control domain, and each gets all of its words" \
		'started by GRUB 2[^:]*: dom0_mem=64M,max:64M$' \
		"^hello from the control domain, 65536 KiB, .*told 'console=hvc0 answer=42'" '^VERDICT SUCCESS'
	if grep -aq 'is ignored' "$log"; then
		echo "FAILED Multiboot $n: $(grep -a 'is ignored' "$log")"
	fi
done
