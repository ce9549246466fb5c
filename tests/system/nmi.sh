#!/bin/bash
# NMIs are told of and harm nobody, whenever they come: a guest that does nothing but print through
# the hypervisor, which holds the log's lock then, while the machine's monitor sends one NMI after another.
# limit: 60
set -u
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/logs/system
hypervisor=${PAVANE_HYPERVISOR:-build/pavane-debug}
log=build/logs/system/nmi.serial.log
rm -f "$log"
# Not before the guest is there; the monitor's input ends with the NMIs, and QEMU goes on until it powers off.
{
	for i in $(seq 200); do
		grep -aq '^line 10 of ' "$log" 2>/dev/null && break
		sleep 0.1
	done
	for i in $(seq 400); do
		echo nmi
		sleep 0.01
	done
} | timeout -k 2 40 qemu-system-x86_64 -machine q35 -cpu max,-smap -smp 1 -m 512 -nodefaults -nographic -no-reboot \
	-accel tcg,thread=single -serial "file:$log" -monitor stdio -kernel "$hypervisor" \
	-append "console=com1 loglvl=info dom0_mem=128M" -initrd build/guests/chatter >/dev/null 2>&1
status=$?
told=$(grep -ac 'NMIs\? ignored, the last on CPU 0' "$log")
said=$(grep -ac '^line [0-9]* of ' "$log")
if [ $status = 0 ] && grep -aq '^VERDICT SUCCESS' "$log"; then
	echo "ok a guest that prints all the time gets to its end under NMIs ($said lines)"
else
	echo "FAILED the guest stopped after $said lines (QEMU's exit status $status):"
	tail -n 5 "$log" | sed 's/^/> /'
fi
if [ "$told" -gt 0 ]; then
	echo "ok the log tells of them ($told lines)"
else
	echo "FAILED the log says nothing of NMIs"
fi
