#!/bin/bash
# See tests/system/kernellog.sh.
. /share/lib.sh
on=$(sed -n 's/.*pav\.on=\([a-z]*\).*/\1/p' /proc/cmdline)

# Everything that the kernel does here for a guest: building it, its devices, its end.
truncate -s 64M /scratch/log.img
spec log root=/scratch/log.img nic=auto mem=96MiB words=rdinit=/init crash=destroy
check "$on: a guest is created" create log
end=$(($(now) + 60 * SLOW))
until xenstore-ls /local/domain/0/backend 2>/dev/null | grep -c 'state = "4"' | grep -qx 2 ||
	[ "$(now)" -ge $end ]; do sleep 0.5; done
same "$on: both of its devices are connected" 2 "$(xenstore-ls /local/domain/0/backend | grep -c 'state = "4"')"
check "$on: it is destroyed" pav destroy log
check "$on: it is gone" gone log 30
dmesg -r >/share/dmesg
finish
