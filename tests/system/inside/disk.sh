#!/bin/bash
# See tests/system/disk.sh.
. /share/lib.sh

# xvdb: an empty file system for writing; xvdc: 256 MiB to read, read-only.
truncate -s 300M /scratch/write.img
mke2fs -q -F -t ext4 /scratch/write.img
dd if=/dev/urandom of=/scratch/read.img bs=1M count=256 status=none
want=$(sha256sum </scratch/read.img | cut -d' ' -f1)

spec disk root=/dev/vda disk=xvdb=/scratch/write.img disk=xvdc=/scratch/read.img:ro
if ! up disk 200; then
	bad "a guest with three disks at its prompt"
	finish
fi
ok "a guest with three disks is up"
same "three disks at once" "xvda xvdb xvdc" "$(guest disk 'cd /sys/block; echo xvd?')"
same "sizes agree" "$((300 * 2048)) $((256 * 2048))" "$(guest disk 'echo $(cat /sys/block/xvdb/size /sys/block/xvdc/size)')"

got=$(guest disk 'sha256sum </dev/xvdc' 180 | cut -d' ' -f1)
same "256 MiB read by the guest agree (sha256 ${want:0:16}...)" "$want" "$got"

same "a read-only disk says so" 1 "$(guest disk 'cat /sys/block/xvdc/ro')"
guest disk 'dd if=/dev/zero of=/dev/xvdc bs=4k count=1 conv=fsync' >/dev/null 2>&1
rc=$?
if [ $rc -ne 0 ]; then ok "a write to it is refused"; else bad "a write to a read-only disk succeeded"; fi

t=$(guest disk 'mount /dev/xvdb /mnt && cat /proc/uptime && dd if=/dev/urandom of=/mnt/data bs=1M count=64 conv=fsync 2>/dev/null && sync && cat /proc/uptime' 180)
in_guest=$(guest disk 'sha256sum </mnt/data' 120 | cut -d' ' -f1)
secs=$(echo "$t" | awk '{ a[NR] = $1 } END { printf "%.1f", a[NR] - a[1] }')
guest disk 'umount /mnt' 60 >/dev/null
# Unaligned and small: every sector its own pattern, rewritten in the middle.
guest disk 'dd if=/dev/xvda of=/dev/null bs=512 count=999 skip=7 iflag=direct 2>/dev/null' >/dev/null
same "reads of single sectors past the cache" 0 $?
check "guest shuts down when asked" pav shutdown disk
check "it is gone" gone disk 150

mkdir -p /mnt/w
mount -o loop,ro /scratch/write.img /mnt/w
here=$(sha256sum </mnt/w/data | cut -d' ' -f1)
umount /mnt/w
if [ -n "$in_guest" ] && [ "$in_guest" = "$here" ]; then
	ok "64 MiB written by the guest in $secs s are in the image after detach (sha256 ${here:0:16}...)"
else
	bad "64 MiB written: sha256 $in_guest in the guest, $here in the image"
fi
check "the image's file system is clean" e2fsck -fn /scratch/write.img
same "the read-only image is as it was" "$want" "$(sha256sum </scratch/read.img | cut -d' ' -f1)"
finish
