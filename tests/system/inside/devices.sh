#!/bin/bash
# See tests/system/devices.sh.
. /share/lib.sh
kind=$(sed -n 's/.*pav\.kind=\([a-z]*\).*/\1/p' /proc/cmdline)

# The host's clock against ours: a file written in the share carries the host's time.
# Prints "OURS OFFSET ERROR", all in microseconds; the closest of some tries.
host_offset() {
	local i before after host best=
	for i in $(seq 12); do
		before=${EPOCHREALTIME/./}
		echo x >/share/stamp
		after=${EPOCHREALTIME/./}
		host=$(ls --full-time --time-style=+%s%N /share/stamp | awk '{ print substr($6, 1, length($6) - 3) }')
		if [ -z "$best" ] || [ $((after - before)) -lt "${best##* }" ]; then
			best="$before $(((before + after) / 2 - host)) $((after - before))"
		fi
		rm /share/stamp
	done
	echo "$best"
}
first=$(host_offset)

case $kind in
msi) want_vcpus=1 want_nvme=msi-x want_nic=msi-x want_ahci=msi ;;
*) want_vcpus=2 want_nvme=ioapic-level want_nic=ioapic-level want_ahci=ioapic-level ;;
esac
same "$kind: the control domain's vCPUs on one CPU: $want_vcpus" $want_vcpus "$(nproc)"

# by DEVICE KIND: interrupts came to the device, of that kind only.
by() {
	local lines count others
	lines=$(grep -E "$1" /proc/interrupts)
	count=$(echo "$lines" | awk '{ for (i = 2; $i ~ /^[0-9]+$/; i++) { n += $i } } END { print n }')
	others=$(echo "$lines" | grep -cvE "xen-pirq +-$2 ")
	if [ -n "$lines" ] && [ "$others" = 0 ] && [ "$count" -gt 0 ]; then
		ok "$kind: $count interrupts of ${3} by $2"
	else
		bad "$kind: interrupts of $3 are not (only) $2: $(echo "$lines" | tr -s ' ' | tr '\n' ';')"
		detail "$(cat /proc/interrupts)"
	fi
}

# disk NAME DEVICE: what the host put there is read, what is written is read back.
disk() {
	local want got
	if ! [ -b "$2" ]; then
		bad "$kind: no $1 disk"
		return
	fi
	got=$(dd if="$2" bs=1M iflag=direct status=none | sha256sum | cut -d' ' -f1)
	same "$kind: 32 MiB read from the $1 disk agree (sha256 ${got:0:16}...)" "$(cat "/share/$1.sum")" "$got"
	dd if=/dev/urandom of=/tmp/new bs=1M count=32 status=none
	want=$(sha256sum </tmp/new | cut -d' ' -f1)
	dd if=/tmp/new of="$2" bs=256k oflag=direct conv=fsync status=none
	got=$(dd if="$2" bs=1M iflag=direct status=none | sha256sum | cut -d' ' -f1)
	same "$kind: 32 MiB written to the $1 disk are read back" "$want" "$got"
	echo "$want" >"/share/$1.left"
	rm /tmp/new
}
disk nvme /dev/nvme0n1
by nvme0q $want_nvme "the NVMe disk"
disk ahci /dev/sda
by ahci $want_ahci "the AHCI disk"

nic=
for n in /sys/class/net/*; do
	case $(readlink "$n/device/driver") in */e1000e) nic=${n##*/} ;; esac
done
if [ -n "$nic" ]; then
	ip link set "$nic" up
	udhcpc -i "$nic" -n -q -t 8 -T 2 -s /usr/libexec/pavane/udhcpc >/tmp/udhcpc.log 2>&1
	same "$kind: a DHCP lease through the e1000e" 10.30.0.15/24 "$(ip -4 -o addr show dev "$nic" | awk '{ print $4 }')"
	# An echo on the other side of it: the bytes come back as they went.
	dd if=/dev/urandom of=/tmp/sent bs=1M count=4 status=none
	timeout 60 socat -t 20 - TCP:10.30.0.9:7 </tmp/sent >/tmp/back
	same "$kind: 4 MiB through the e1000e and back agree" "$(sha256sum </tmp/sent)" "$(sha256sum </tmp/back)"
	by "$nic" $want_nic "the e1000e network card"
else
	bad "$kind: no e1000e network card"
fi

got=$(/share/calls32)
case "$kind $(grep -m 1 vendor_id /proc/cpuinfo)" in
*GenuineIntel*) way=sysenter ;;
*) way=syscall ;;
esac
same "$kind: a 32-bit program by int 0x80 and $way" "int80 ok $way ok segment ok" "$got"

# Over at least 20 s, with the error that the two measurements may have.
until [ $((${EPOCHREALTIME/./} - ${first%% *})) -ge 20000000 ]; do sleep 1; done
last=$(host_offset)
# shellcheck disable=SC2086
set -- $first $last
span=$(($4 - $1)) moved=$(($5 - $2)) doubt=$(($3 / 2 + $6 / 2))
ppm=$((moved * 1000000 / span))
text="$kind: the clock goes with the host's: $moved us in $((span / 1000000)) s, $ppm ppm (doubt $doubt us)"
if [ $((${moved#-} - doubt)) -le $((span / 1000)) ] && [ $doubt -le 20000 ]; then ok "$text"; else bad "$text"; fi
if [ "${2#-}" -le 3000000 ]; then ok "$kind: it is set to the host's ($2 us apart)"; else bad "$kind: it is $2 us from the host's"; fi

if [ "$kind" = intx ] && [ $failures -eq 0 ]; then
	echo "@@PAVANE-SCRIPT-ENDED status=0"
	sync
	reboot -f
	sleep 60
	bad "still here a minute after reboot"
fi
finish
