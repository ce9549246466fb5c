#!/bin/bash
# See tests/system/net.sh.
. /share/lib.sh

mkdir -p /tmp/www
cp /share/nettool /tmp/www/
dd if=/dev/urandom of=/tmp/www/blob bs=1M count=64 status=none
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
cp /share/nettool /tmp/nettool

# One takes its address by DHCP, the other has it from its kernel's command line.
A=10.20.0.50 B=10.20.0.77
spec one root=/dev/vda nic=00:16:3e:50:00:50 mem=448MiB
spec two root=/dev/vdc nic=00:16:3e:50:00:51 mem=448MiB words="addr=$B/24 gw=10.20.0.1"
up one 200 && up two 200
if [ $? -ne 0 ]; then
	bad "two guests with a network card each"
	finish
fi
same "an address by DHCP, as configured" $A "$(guest one 'hostname -I' | tr -d ' ')"
same "a static address" $B "$(guest two 'hostname -I' | tr -d ' ')"
same "the card has the configured MAC address" 00:16:3e:50:00:50 "$(guest one 'cat /sys/class/net/eth0/address')"

loss=$(ping -c 20 -i 0.2 -W 5 $A | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
same "20 of 20 pings from the control domain" 20 "$loss"
got=$(guest one "ping -c 20 -i 0.2 -W 5 $B" 60 | sed -n 's/.* \([0-9]*\) received.*/\1/p')
same "20 of 20 pings between guests" 20 "$got"
for g in one two; do
	guest $g 'busybox wget -q -O /tmp/nettool http://10.20.0.1:8000/nettool && chmod +x /tmp/nettool' 60 >/dev/null
	same "guest $g fetches a program over HTTP" 0 $?
done
guest one 'busybox wget -q -O /tmp/blob http://10.20.0.1:8000/blob' 120 >/dev/null

# --- streams: from whom to whom, the same bytes, in large packets --------------------------
# Where a command is run: "here" is the control domain.
start_on() { if [ "$1" = here ]; then (eval "$2") & else guest_bg "$1" "$2"; fi; }
do_on() { if [ "$1" = here ]; then eval "timeout $((120 * SLOW)) $2"; else guest "$1" "$2" 120; fi; }
blob_of() { if [ "$1" = here ]; then echo /tmp/www/blob; else echo /tmp/blob; fi; }
vif_of() { echo "pav$(pav list | awk -v n="$1" '{ for (i = 1; i <= NF; i++) if ($i == n) print ($1 == n ? $2 : $1) }').0"; }
# counted INTERFACE rx|tx: what the interface has counted so far, as "BYTES PACKETS".
counted() { echo "$(cat "/sys/class/net/$1/statistics/$2_bytes") $(cat "/sys/class/net/$1/statistics/$2_packets")"; }
t_now() { awk '{ printf "%d", $1 * 100 }' /proc/uptime; }
port=5001
# stream TEXT MIB FROM TO ADDRESS
stream() {
	local text="$2 MiB over $1" mib=$2 from=$3 to=$4 to_address=$5 t0 t1 want got i
	port=$((port + 1))
	[ -s "/tmp/want.$mib" ] || head -c $((mib << 20)) /tmp/www/blob | sha256sum | cut -d' ' -f1 >"/tmp/want.$mib"
	want=$(cat "/tmp/want.$mib")
	start_on "$to" "/tmp/nettool tcp-recv $port | sha256sum >/tmp/sum.new; mv /tmp/sum.new /tmp/sum.$port"
	t0=$(t_now)
	do_on "$from" "sh -c 'head -c $((mib << 20)) $(blob_of "$from") | /tmp/nettool tcp-send $to_address $port'" >/dev/null
	t1=$(t_now)
	for i in $(seq 20); do
		got=$(do_on "$to" "cat /tmp/sum.$port" 2>/dev/null | cut -d' ' -f1)
		[ ${#got} = 64 ] && break
		sleep 0.5
	done
	same "$text, $((mib * 1000 / (t1 - t0 + 1) / 10)).$((mib * 1000 / (t1 - t0 + 1) % 10)) MiB/s" "$want" "$got"
}
# large TEXT VIF rx|tx STREAM...: during the stream the packets are larger than any on a wire,
# which is what segmentation left to the other side looks like.  A wire's frame has 1514 bytes.
large() {
	local text=$1 vif=$2 way=$3 before after size
	shift 3
	before=$(counted "$vif" "$way")
	"$@"
	after=$(counted "$vif" "$way")
	size=$(echo "$before $after" | awk '{ print ($4 > $2) ? int(($3 - $1) / ($4 - $2)) : 0 }')
	if [ "$size" -gt 1600 ]; then ok "$text: $size bytes a packet"; else bad "$text: only $size bytes a packet"; fi
}
V1=$(vif_of one) V2=$(vif_of two)
ip6_of() { sed -n 's/.*inet6 \(fe80[0-9a-f:]*\).*/\1/p' | head -1; }
A6=$(guest one 'ip -6 -o addr show dev eth0 scope link' | ip6_of)
B6=$(guest two 'ip -6 -o addr show dev eth0 scope link' | ip6_of)
H6=$(ip -6 -o addr show dev br0 scope link | ip6_of)
large "IPv4 segmentation offload to a guest" "$V1" tx stream "TCP, control domain to guest" 64 here one $A
large "IPv4 segmentation offload from a guest" "$V1" rx stream "TCP, guest to control domain" 64 one here 10.20.0.1
large "IPv4 segmentation offload between guests" "$V2" tx stream "TCP, guest to guest" 64 one two $B
got=$(ping -6 -c 5 -W 5 "$B6%br0" 2>/dev/null | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
same "5 of 5 pings over IPv6" 5 "$got"
large "IPv6 segmentation offload to a guest" "$V1" tx stream "TCP on IPv6, control domain to guest" 8 here one "$A6%br0"
large "IPv6 segmentation offload from a guest" "$V1" rx stream "TCP on IPv6, guest to control domain" 8 one here "$H6%eth0"
large "IPv6 segmentation offload between guests" "$V2" tx stream "TCP on IPv6, guest to guest" 8 one two "$B6%eth0"
guest one 'rm -f /tmp/blob' >/dev/null

# Small packets at a modest rate: none may be lost on an idle bridge.
guest_bg one '/tmp/nettool udp-recv 5105 100000 120 >/tmp/udp 2>/dev/null'
sleep 2
/tmp/nettool udp-send $A 5105 100000 3000 >/tmp/udp.sent
sleep 2
same "100000 UDP packets of 64 bytes to the guest, $(cat /tmp/udp.sent)" "received 100000 duplicates 0 reordered 0" "$(guest one 'cat /tmp/udp')"
/tmp/nettool udp-recv 5106 20000 $((60 * SLOW)) >/tmp/udp 2>/dev/null &
receiver=$!
sleep 1
sent=$(guest one '/tmp/nettool udp-send 10.20.0.1 5106 20000 2000' 60)
wait $receiver
same "20000 UDP packets of 64 bytes from the guest, $sent" "received 20000 duplicates 0 reordered 0" "$(cat /tmp/udp)"

check "both shut down" bash -c 'pav shutdown one && pav shutdown two'
check "the first is gone" gone one 150
check "the second is gone" gone two 150
finish
