#!/bin/bash
# See tests/system/kernels.sh.  /share/kernels has a folder for each kernel, and the names of this control domain's
# (control) and of the guests'.  Each ends as a line of /share/rows: role, name, version, prompt, disk, network.
. /share/lib.sh
KERNELS=/share/kernels
CONTROL=$(cat $KERNELS/control)
SIZE=$((8 << 20))
AT_ONCE=3
sum() { sha256sum | cut -d' ' -f1; }
version_of() { cat "$KERNELS/$1/version"; }
# is_kernel NAME RELEASE VERSION: whether that is what uname says of the package's kernel.
is_kernel() { [ "$2" = "$(version_of "$1")" ] && [[ "$3" == *"Debian $(cat "$KERNELS/$1/package") "* ]]; }

# tell ROLE NAME WHAT RESULT DETAIL: one line of the result, and what the row will say.
tell() {
	local text="$3, $1 with $(version_of "$2")"
	if [ "$4" = yes ]; then ok "$text${5:+ ($5)}"; else bad "$text${5:+: $5}"; fi
}
row() { echo "$1 $2 $(version_of "$2") $3 $4 $5" >>/share/rows; }

# What the network carries: SIZE bytes that nobody can guess.
mkdir -p /tmp/www
head -c $SIZE /dev/urandom >/tmp/www/blob
BLOB=$(sum </tmp/www/blob)
cp /share/nettool /tmp/nettool

# --- the control domain ---------------------------------------------------------------

own_disk() {
	cp /tmp/www/blob /scratch/own && sync && echo 3 >/proc/sys/vm/drop_caches &&
		[ "$(dd if=/scratch/own bs=1M iflag=direct status=none | sum)" = "$BLOB" ]
}
# From outside QEMU the port that otherwise is relayed to a guest ends here.
own_network() {
	local end=$(($(now) + 40 * SLOW))
	mkdir -p /tmp/page
	head -c $((SIZE / 4)) /tmp/www/blob >/tmp/page/index.html
	# shellcheck disable=SC2046
	kill $(pidof socat)
	until busybox httpd -p 0.0.0.0:80 -h /tmp/page 2>/dev/null || [ "$(now)" -ge $end ]; do sleep 0.2; done
	until ip -4 addr show dev eth0 | grep -q 'inet ' || [ "$(now)" -ge $end ]; do sleep 0.3; done
	: >/share/want-curl
	end=$(($(now) + 40 * SLOW))
	until [ -e /share/curl-status ] || [ "$(now)" -ge $end ]; do sleep 0.3; done
	[ "$(cat /share/curl-status 2>/dev/null)" = 0 ] && cmp /tmp/page/index.html /share/curl-page &&
		ping -c 3 -i 0.2 -W 5 "$(ip route | sed -n 's/^default via \([0-9.]*\).*/\1/p')" >/dev/null
}
prompt=no disk=no network=no
is_kernel "$CONTROL" "$(uname -r)" "$(uname -v)" && prompt=yes
tell "control domain" "$CONTROL" "prompt" $prompt "$(uname -v), $(nproc) CPUs"
own_disk && disk=yes
tell "control domain" "$CONTROL" "disk" $disk "$((SIZE >> 20)) MiB written and read back"
own_network && network=yes
tell "control domain" "$CONTROL" "network" $network "$((SIZE >> 22)) MiB to outside QEMU, pings to its router"
row control "$CONTROL" $prompt $disk $network
[ $disk = yes ] || finish

# --- guests ---------------------------------------------------------------------------

# A guest has the root file system of every other, read-only, and a shell as its first process.
# guest_prompt NAME ADDRESS: started, and the kernel it was given.
guest_prompt() {
	local n=$1 image=/scratch/$1.img
	head -c $((2 * SIZE)) /dev/urandom >"$image"
	want_read=$(tail -c $SIZE "$image" | sum)
	spec "$n" root= mem=256MiB vcpus=2 disk=xvda=/dev/vda:ro disk=xvdb="$image" nic=auto \
		kernel="$KERNELS/$n/vmlinuz" ramdisk="$KERNELS/$n/initrd" words="ro init=/bin/sh"
	set_mark "$n"
	create "$n" >"/run/$n.create" 2>&1 || { detail "$n: $(cat "/run/$n.create")"; return 1; }
	console_open "$n"
	await "$n" '# $' 150 || return 1
	console_send "$n" $'stty -echo; PS1=; echo @@in$((1))\r'
	await "$n" '@@in1' 60 || return 1
	guest "$n" "export PATH=/usr/sbin:/usr/bin; mount -t proc proc /proc; mount -t tmpfs tmp /tmp;
		ip link set lo up; ip addr add $2/24 dev eth0; ip link set eth0 up" >/dev/null
	says=$(guest "$n" 'uname -v; nproc')
	says=${says//$'\n'/, }
	is_kernel "$n" "$(guest "$n" 'uname -r')" "$says" && [[ "$says" == *", 2" ]]
}
# Written by the guest, read back past its cache; and what the image held before.
guest_disk() {
	local n=$1 back read
	want_written=$(guest "$n" "head -c $SIZE /dev/urandom >/tmp/d; dd if=/tmp/d of=/dev/xvdb bs=1M conv=fsync 2>/dev/null; sha256sum </tmp/d" 120 | cut -d' ' -f1)
	back=$(guest "$n" "dd if=/dev/xvdb bs=1M count=$((SIZE >> 20)) iflag=direct 2>/dev/null | sha256sum" 120 | cut -d' ' -f1)
	read=$(guest "$n" "dd if=/dev/xvdb bs=1M skip=$((SIZE >> 20)) iflag=direct 2>/dev/null | sha256sum" 120 | cut -d' ' -f1)
	[ ${#want_written} = 64 ] && [ "$back" = "$want_written" ] && [ "$read" = "$want_read" ]
}
guest_network() { # guest_network NAME ADDRESS PORT
	local n=$1 got sent hex listener end=$(($(now) + 20 * SLOW))
	ping -c 5 -i 0.2 -W 5 "$2" >/dev/null || return 1
	got=$(guest "$n" 'busybox wget -q -O - http://10.20.0.1:8000/blob | sha256sum' 120 | cut -d' ' -f1)
	timeout $((120 * SLOW)) /tmp/nettool tcp-recv "$3" >"/tmp/$n.sent" &
	listener=$!
	hex=$(printf ':%04X 00000000:0000 0A' "$3")
	until grep -q "$hex" /proc/net/tcp || [ "$(now)" -ge $end ]; do sleep 0.1; done
	guest "$n" "nc -N 10.20.0.1 $3 </tmp/d" 120 >/dev/null
	wait $listener
	sent=$(sum <"/tmp/$n.sent")
	rm -f "/tmp/$n.sent"
	[ "$got" = "$BLOB" ] && [ "$sent" = "$want_written" ]
}
guest_ends() { # guest_ends NAME: it does, and its disk holds what it wrote
	console_send "$1" $'busybox poweroff -f\r'
	gone "$1" 60 && [ "$(head -c $SIZE "/scratch/$1.img" | sum)" = "$want_written" ]
}
one_guest() { # one_guest NAME NUMBER
	local n=$1 address=10.20.0.$((60 + $2)) prompt=no disk=no network=no t0 says='' want_read want_written
	t0=$(now)
	failures=0
	guest_prompt "$n" "$address" && prompt=yes
	tell guest "$n" prompt $prompt "$(($(now) - t0)) s: ${says}${says:+ CPUs}"
	if [ $prompt = yes ]; then
		guest_disk "$n" && disk=yes
		guest_network "$n" "$address" $((5100 + $2)) && network=yes
		tell guest "$n" network $network "pings, $((SIZE >> 20)) MiB each way"
		guest_ends "$n" || disk=no
		tell guest "$n" disk $disk "$((SIZE >> 20)) MiB read, as many written and in the image afterwards"
	fi
	[ $failures -eq 0 ] || detail "$n: the end of its console:" "$(tail -c 1500 "$(clog "$n")")"
	pav destroy "$n" >/dev/null 2>&1
	rm -f "/scratch/$n.img"
	row guest "$n" $prompt $disk $network
	exit $failures
}
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
started=0 running=()
for n in $(cat $KERNELS/guests); do
	one_guest "$n" $started &
	running+=($!)
	started=$((started + 1))
	if [ ${#running[@]} -eq $AT_ONCE ]; then
		wait "${running[0]}" || failures=$((failures + 1))
		running=("${running[@]:1}")
	fi
done
for p in "${running[@]}"; do wait "$p" || failures=$((failures + 1)); done
finish
