#!/bin/bash
# The control domain's kernel has nothing to complain about that it does not also complain
# about on the peer: the same machine, devices and guest on both, and then the lines of its
# log from "warning" upwards side by side.  One CPU: the peer's start on two is slow here.
# limit: 360
. "$(dirname "$0")/lib/host.sh"
if ! peer=$(tests/system/lib/peer-image); then
	echo "skipped the peer's package cannot be fetched"
	exit 77
fi
mkdir -p build/share build/logs/system
made=$(mktemp -d build/share/kernellog.made.XXXXXX)
truncate -s 16M "$made/nvme.img" "$made/ahci.img"

# complaints FILE: lines of level 0 to 4 without their time, and with figures made alike.
# That a timer was served late says how busy the host is, not who serves it.
complaints() {
	sed -n 's/^<[0-4]>\[[ .0-9]*\] //p' "$1" |
		grep -vE '^hrtimer: interrupt took|^clocksource: (Long readout interval|.*read-back delay)' |
		sed -E 's/(0x)?[0-9a-f]{8,}/X/g; s/0x[0-9a-f]+/X/g; s/[0-9]+(\.[0-9]+)?/N/g' | sort -u
}

# run_on SYSTEM: leaves the kernel's log in build/logs/system/kernellog-SYSTEM.dmesg.
run_on() {
	local status=0
	LABEL=kernellog-$1
	run_inside kernellog -a "pav.on=$1" -- \
		-drive "file=$made/nvme.img,format=raw,if=none,id=nv" -device nvme,drive=nv,serial=pav1 \
		-drive "file=$made/ahci.img,format=raw,if=none,id=ah" -device ide-hd,drive=ah,bus=ide.0 \
		-netdev user,id=n2,net=10.30.0.0/24 -device e1000e,netdev=n2,romfile= || status=1
	cp "$share/dmesg" "build/logs/system/$LABEL.dmesg" 2>/dev/null
	complaints "build/logs/system/$LABEL.dmesg" >"$made/$1"
	rm -rf "$share"
	return $status
}

status=0
export PAVANE_CPUS=1
run_on pavane || status=1
# Its lazy switching of vector registers goes wrong under QEMU's emulation.
PAVANE_HYPERVISOR=$peer PAVANE_WORDS=spec-ctrl=eager-fpu run_on peer || status=1
new=$(comm -23 "$made/pavane" "$made/peer")
if [ $status -ne 0 ]; then
	echo "FAILED there is nothing to compare"
elif [ -z "$new" ]; then
	echo "ok the kernel's $(wc -l <"$made/pavane") kinds of warning are all among the peer's $(wc -l <"$made/peer")"
else
	echo "FAILED $(echo "$new" | wc -l) kinds of warning that the kernel has only here: $(echo "$new" | head -3 | tr '\n' ';')"
	echo "--- only on Pavane:"
	echo "$new" | sed 's/^/> /'
	status=1
fi
rm -rf "$made"
exit $status
