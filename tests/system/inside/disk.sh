#!/bin/bash
# See tests/system/disk.sh.
. /share/lib.sh
sum() { sha256sum | cut -d' ' -f1; }

# xvdb: an empty file system for writing; xvdc: 256 MiB to read, read-only.
truncate -s 300M /scratch/write.img
mke2fs -q -F -t ext4 /scratch/write.img
dd if=/dev/urandom of=/scratch/read.img bs=1M count=256 status=none
want=$(sum </scratch/read.img)

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
got=$(guest disk 'LC_ALL=C dd if=/dev/zero of=/dev/xvdc bs=4k count=1 conv=fsync 2>&1')
case $got in
*'Operation not permitted'* | *'Read-only file system'*) ok "a write to it is refused" ;;
*) bad "a write to a read-only disk: $got" ;;
esac

t=$(guest disk 'mount /dev/xvdb /mnt && cat /proc/uptime && dd if=/dev/urandom of=/mnt/data bs=1M count=64 conv=fsync 2>/dev/null && sync && cat /proc/uptime' 180)
in_guest=$(guest disk 'sha256sum </mnt/data' 120 | cut -d' ' -f1)
secs=$(echo "$t" | awk '{ a[NR] = $1 } END { printf "%.1f", a[NR] - a[1] }')
guest disk 'umount /mnt' 60 >/dev/null

# --- disks that come and go while the guest runs -------------------------------------
appears() { guest disk "for i in \$(seq 300); do [ \$(cat /sys/block/xvdh/size 2>/dev/null || echo 0) = $1 ] && break; sleep 0.1; done; test -b /dev/xvdh" 60 >/dev/null; }
vanishes() { guest disk 'for i in $(seq 300); do [ -e /sys/block/xvdh ] || break; sleep 0.1; done; ! test -e /sys/block/xvdh' 60 >/dev/null; }
held() { # held IMAGE: the KiB that a sparse file has blocks for
	sync
	echo $(($(stat -c '%b * %B' "$1") / 1024))
}
flushes() { awk '{ print $16 }' /sys/block/loop0/stat; }

# First a block device, which counts the flushes that reach it.
truncate -s 64M /scratch/hot.img
losetup /dev/loop0 /scratch/hot.img
check "hot attach of a block device" pav disk-attach disk xvdh /dev/loop0
check "the guest sees its 64 MiB" appears $((64 * 2048))
before=$(flushes)
hot=$(guest disk 'dd if=/dev/urandom of=/tmp/hot bs=1M count=16 2>/dev/null; dd if=/tmp/hot of=/dev/xvdh bs=1M conv=fsync 2>/dev/null; sha256sum </tmp/hot' 120 | cut -d' ' -f1)
n=$(($(flushes) - before))
if [ $n -gt 0 ]; then ok "the guest's fsync reaches the device as $n flushes"; else bad "no flush reached the device"; fi
got=$(dd if=/dev/loop0 bs=1M count=16 iflag=direct status=none | sum)
same "16 MiB are on the medium when fsync returns, the disk still attached" "$hot" "$got"
# discards: half of it, in the guest; the other half stays.
discards() { # discards IMAGE: what hot has in its first half
	local full after
	full=$(held "$1")
	guest disk 'blkdiscard -o 0 -l 8388608 /dev/xvdh' >/dev/null
	same "blkdiscard in the guest" 0 $?
	after=$(held "$1")
	if [ $((full - after)) -ge $((8 * 1024 - 64)) ]; then
		ok "it frees the image's blocks: $full KiB, then $after KiB"
	else
		bad "8 MiB discarded, yet $full KiB became $after KiB"
	fi
	guest disk 'tail -c 8388608 /tmp/hot >/tmp/half; dd if=/dev/xvdh bs=1M skip=8 count=8 iflag=direct 2>/dev/null | cmp - /tmp/half' 60 >/dev/null
	same "what was not discarded is as it was" 0 $?
	guest disk 'dd if=/dev/xvdh bs=1M count=8 iflag=direct 2>/dev/null | tr -d "\0" | wc -c' 60 | grep -qx 0
	same "what was discarded reads as zeroes" 0 $?
}
discards /scratch/hot.img
check "hot detach" pav disk-detach disk xvdh
check "the guest no longer has it" vanishes
check "nobody holds the device any more" losetup -d /dev/loop0
[ -e /sys/block/loop0/loop ] && bad "the loop device is still bound"

# Then an image file in its place, sector by sector.
rm /scratch/hot.img
truncate -s 48M /scratch/hot.img
check "hot attach of a file in its place" pav disk-attach disk xvdh /scratch/hot.img
check "the guest sees its 48 MiB" appears $((48 * 2048))
hot=$(guest disk 'dd if=/tmp/hot of=/dev/xvdh bs=1M conv=fsync 2>/dev/null; sha256sum </tmp/hot' 120 | cut -d' ' -f1)
got=$(dd if=/scratch/hot.img bs=1M count=16 iflag=direct status=none | sum)
same "an image file too has what fsync promised, the disk still attached" "$hot" "$got"
discards /scratch/hot.img
# sectors FROM TO WORD: each its own pattern.  The same program on both sides.
program='BEGIN { for (i = f; i < t; i++) { printf "%-511s\n", w " " i } }'
guest disk "awk -v f=0 -v t=400 -v w=first '$program' | dd of=/dev/xvdh bs=512 iflag=fullblock oflag=direct 2>/dev/null" 120 >/dev/null
# Seven sectors at a time, from an odd one on: never a whole page.
guest disk "awk -v f=101 -v t=381 -v w=again '$program' | dd of=/dev/xvdh bs=3584 seek=$((101 * 512)) iflag=fullblock oflag=direct,seek_bytes 2>/dev/null" 120 >/dev/null
awk -v f=0 -v t=400 -v w=first "$program" >/tmp/sectors
awk -v f=101 -v t=381 -v w=again "$program" | dd of=/tmp/sectors bs=512 seek=101 conv=notrunc status=none
expected=$(sum </tmp/sectors)
same "400 sectors written one by one and rewritten askew, read past the cache in the guest" "$expected" \
	"$(guest disk 'dd if=/dev/xvdh bs=512 count=400 iflag=direct 2>/dev/null | sha256sum' 120 | cut -d' ' -f1)"
same "a few of them from an odd place" "$(tail -c +$((7 * 512 + 1)) /tmp/sectors | head -c $((99 * 512)) | sum)" \
	"$(guest disk 'dd if=/dev/xvdh bs=512 skip=7 count=99 iflag=direct 2>/dev/null | sha256sum' | cut -d' ' -f1)"
check "hot detach of the file" pav disk-detach disk xvdh
check "the guest no longer has it either" vanishes
same "the sectors are in the image after detach" "$expected" "$(head -c $((400 * 512)) /scratch/hot.img | sum)"

check "guest shuts down when asked" pav shutdown disk
check "it is gone" gone disk 150

mkdir -p /mnt/w
mount -o loop,ro /scratch/write.img /mnt/w
here=$(sum </mnt/w/data)
umount /mnt/w
if [ -n "$in_guest" ] && [ "$in_guest" = "$here" ]; then
	ok "64 MiB written by the guest in $secs s are in the image after detach (sha256 ${here:0:16}...)"
else
	bad "64 MiB written: sha256 $in_guest in the guest, $here in the image"
fi
check "the image's file system is clean" e2fsck -fn /scratch/write.img

# --- the same disks with a ring of four pages, and a grant for each request ---------------
spec plain root=/dev/vdc disk=xvdb=/scratch/write.img disk=xvdc=/scratch/read.img:ro \
	words="xen_blkfront.feature_persistent=0 xen_blkfront.max_ring_page_order=2"
if up plain 200; then
	same "ring of 4 pages and single grants, as the guest was told" "2 0" \
		"$(for k in ring-page-order feature-persistent; do xenstore-ls -f /local/domain 2>/dev/null |
			sed -n "s,.*/device/vbd/51728/$k = \"\(.*\)\",\1,p"; done | tr '\n' ' ' | sed 's/ $//')"
	got=$(guest plain 'head -c 67108864 /dev/xvdc | sha256sum' 180 | cut -d' ' -f1)
	same "64 MiB read that way agree" "$(head -c 67108864 /scratch/read.img | sum)" "$got"
	in_guest=$(guest plain 'dd if=/dev/urandom bs=1M count=32 iflag=fullblock 2>/dev/null | tee /dev/xvdb | sha256sum; sync' 180 | cut -d' ' -f1)
	check "guest shuts down when asked" pav shutdown plain
	check "it is gone" gone plain 150
	same "32 MiB written that way are in the image" "$in_guest" "$(head -c 33554432 /scratch/write.img | sum)"
else
	bad "a guest with other block parameters"
fi
same "the read-only image is as it was" "$want" "$(sum </scratch/read.img)"
finish
