#!/bin/bash
# Disk: on bare Linux and in the control domain a loop device on tmpfs, in a guest of ours
# our own backend on the same file.
# on: bare peer pavane
# aim: read_4k_qd1 >= 12000
# aim: read_4k_qd32 >= 25000
# aim: read_128k_qd4 >= 900
# aim: write_128k_qd4 >= 900
truncate -s 128M /tmp/disk.img
dd if=/dev/zero of=/tmp/disk.img bs=1M count=128 conv=notrunc status=none
cp /share/blkbench /tmp/
if [ ! -e /sys/hypervisor/type ]; then
	losetup /dev/loop0 /tmp/disk.img
	/tmp/blkbench /dev/loop0 4000
	exit
fi
. /share/lib.sh
mkdir -p /tmp/www && cp /share/blkbench /tmp/www/
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
spec bench root=/dev/vda disk=xvdb=/tmp/disk.img nic=00:16:3e:50:00:50 mem=512MiB
up bench 600 || exit 1
guest bench 'busybox wget -q -O /tmp/blkbench http://10.20.0.1:8000/blkbench; chmod +x /tmp/blkbench' 120
guest bench '/tmp/blkbench /dev/xvdb 4000' 600 | grep '^metric'
pav destroy bench
