#!/bin/bash
# The control domain's own devices, on one CPU with one vCPU: an NVMe disk and an e1000e
# network card by MSI-X, an AHCI disk by MSI; then all of them by INTx, on a machine that has
# Intel's instructions for 32-bit system calls and a second CPU, which maxcpus leaves alone.
# The clock against the host's; power-off and reboot.
# limit: 300
. "$(dirname "$0")/lib/host.sh"
mkdir -p build/share
made=$(mktemp -d build/share/devices.made.XXXXXX)
devices=(-drive "file=$made/nvme.img,format=raw,if=none,id=nv" -device nvme,drive=nv,serial=pav1
	-drive "file=$made/ahci.img,format=raw,if=none,id=ah" -device ide-hd,drive=ah,bus=ide.0
	-netdev "user,id=n2,net=10.30.0.0/24,dhcpstart=10.30.0.15,guestfwd=tcp:10.30.0.9:7-cmd:cat"
	-device e1000e,netdev=n2,romfile=)

# agrees DISK: what the control domain says it left there is in the host's file.
agrees() {
	local want got
	want=$(cat "$share/$1.left" 2>/dev/null)
	got=$(sha256sum <"$made/$1.img" | cut -d' ' -f1)
	if [ "$want" = "$got" ]; then
		echo "ok $LABEL: the host finds on the $1 disk what the control domain wrote (sha256 ${got:0:16}...)"
	else
		echo "FAILED $LABEL: the $1 disk: sha256 '$want' in the control domain, '$got' in the host's file"
		return 1
	fi
}

# machine KIND [MACHINE ARGUMENTS...]: fresh disks, a run, and the disks looked at.
machine() {
	local kind=$1 status=0 d
	shift
	LABEL=devices-$kind FILES=
	for d in nvme ahci; do
		dd if=/dev/urandom of="$made/$d.img" bs=1M count=32 status=none
		sha256sum <"$made/$d.img" | cut -d' ' -f1 >"$made/$d.sum"
		FILES+=" $made/$d.sum"
	done
	run_inside devices -a "pav.kind=$kind" "$@" "${devices[@]}" || status=1
	for d in nvme ahci; do agrees $d || status=1; done
	rm -rf "$share"
	return $status
}

status=0
PAVANE_CPUS=1 machine msi -- || status=1
PAVANE_CPUS=2 machine intx -x maxcpus=1 -a pci=nomsi -- -cpu max,-smap,-erms,vendor=GenuineIntel || status=1
if grep -aq '(pav) reboot' "$console"; then
	echo "ok reboot ends the machine"
else
	echo "FAILED the hypervisor does not say that it reboots"
	status=1
fi
rm -rf "$made"
exit $status
