#!/bin/bash
# Network: TCP between the control domain and a guest, each way, and between two guests;
# the bytes are made up and thrown away in place.  The guests are the stock kernel with
# a ramdisk of busybox and the stock frontend.  On bare Linux, for the limit: over the
# loopback, and over the bridge between network namespaces.
# on: bare peer pavane
# aim: guest_to_control >= 4500
# aim: control_to_guest >= 4500
# aim: guest_to_guest >= 3400
cp /share/nettool /tmp/
MIB=64
# metric NAME "N Mbit/s": the better of two runs, for the first one finds cold paths.
metric() { echo "metric $1 $2"; }
if [ ! -e /sys/hypervisor/type ]; then
	for n in 1 2; do
		ip netns add n$n
		ip link add v$n type veth peer name eth0 netns n$n
		ip link set v$n master br0 up
		ip -n n$n addr add 10.20.0.5$n/24 dev eth0
		ip -n n$n link set eth0 up
	done
	sleep 1
	/tmp/nettool tcp-sink 5001 &
	ip netns exec n2 /tmp/nettool tcp-sink 5001 &
	/tmp/nettool tcp-source 127.0.0.1 5001 4 >/dev/null
	metric loopback "$(/tmp/nettool tcp-source 127.0.0.1 5001 $MIB)"
	ip netns exec n1 /tmp/nettool tcp-source 10.20.0.1 5001 4 >/dev/null
	metric guest_to_control "$(ip netns exec n1 /tmp/nettool tcp-source 10.20.0.1 5001 $MIB)"
	metric control_to_guest "$(/tmp/nettool tcp-source 10.20.0.52 5001 $MIB)"
	metric guest_to_guest "$(ip netns exec n1 /tmp/nettool tcp-source 10.20.0.52 5001 $MIB)"
	exit
fi
. /share/lib.sh
# A ramdisk that needs no disk: an address from the kernel's command line, a sink, a shell.
mkdir -p /tmp/mini && cd /tmp/mini && cpio -idm --quiet </srv/initrd 2>/dev/null || exit 1
cp /share/nettool bin/
cat >init <<'X'
#!/bin/busybox sh
export PATH=/bin
alias b=busybox
b mount -t devtmpfs dev /dev
b mount -t proc proc /proc
b mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
while read -r m; do b insmod "$m"; done </lib/modules/order
for w in $(b cat /proc/cmdline); do
	case $w in address=*) a=${w#address=} ;; esac
done
b ip addr add "$a/24" dev eth0
b ip link set lo up
b ip link set eth0 up
nettool tcp-sink 5001 &
b sleep 2
b stty -echo
PS1= exec sh
X
find . | cpio -o -H newc --quiet >/tmp/mini.cpio
cd /
mini() { # mini NAME ADDRESS
	spec "$1" root= ramdisk=/tmp/mini.cpio nic=auto mem=256MiB words="address=$2"
	create "$1" >/dev/null && console_open "$1" && sleep 4 && guest "$1" 'echo up' 200
}
A=10.20.0.50 B=10.20.0.51
mini one $A && mini two $B || exit 1
/tmp/nettool tcp-sink 5001 &
/tmp/nettool tcp-source $A 5001 4 >/dev/null
metric control_to_guest "$(/tmp/nettool tcp-source $A 5001 $MIB)"
guest one 'nettool tcp-source 10.20.0.1 5001 4' >/dev/null
metric guest_to_control "$(guest one "nettool tcp-source 10.20.0.1 5001 $MIB" 300)"
guest one "nettool tcp-source $B 5001 4" >/dev/null
metric guest_to_guest "$(guest one "nettool tcp-source $B 5001 $MIB" 300)"
pav destroy one
pav destroy two
