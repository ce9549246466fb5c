#!/bin/bash
# What the hypervisor keeps for itself of 4 GiB, what a guest of 256 MiB costs it beside its
# own memory, and what that guest's disk and network card cost the control domain.
# on: peer pavane
# machine: -m 4096
# aim: hypervisor_of_4GiB <= 10240
# aim: hypervisor_per_guest <= 64
# aim: control_domain_per_guest <= 3072
. /share/lib.sh
frames() { pav census | awk '$1 == "free_frames" { print $2 }'; }
available() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
}
# The control domain has 1 GiB: all that is neither its nor free is the hypervisor's, or a hole.
echo "metric hypervisor_of_4GiB $(((1048576 - 262144 - $(frames)) * 4)) KiB"
truncate -s 64M /scratch/small.img
spec small root=/scratch/small.img nic=auto mem=256MiB crash=preserve
for i in 1 2; do
	free0=$(frames) available0=$(available)
	create small >/dev/null || exit 1
	sleep 20
	free1=$(frames) available1=$(available)
	pav destroy small
	gone small 30
done
echo "metric hypervisor_per_guest $(((free0 - free1 - 65536) * 4)) KiB"
echo "metric control_domain_per_guest $((available0 - available1)) KiB"
