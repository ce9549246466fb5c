#!/bin/bash
# See tests/system/net.sh.
. /share/lib.sh

mkdir -p /tmp/www
cp /share/nettool /tmp/www/
dd if=/dev/urandom of=/tmp/www/blob bs=1M count=64 status=none
want=$(sha256sum </tmp/www/blob | cut -d' ' -f1)
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
cp /share/nettool /tmp/nettool

spec one root=/dev/vda nic=00:16:3e:50:00:50 mem=448MiB
spec two root=/dev/vdc nic=00:16:3e:50:00:51 mem=448MiB
up one 200 && up two 200
if [ $? -ne 0 ]; then
	bad "two guests with a network card each"
	finish
fi
A=10.20.0.50 B=10.20.0.51
same "addresses by DHCP, as configured" "$A $B" "$(guest one 'hostname -I' | tr -d ' ') $(guest two 'hostname -I' | tr -d ' ')"
same "the card has the configured MAC address" 00:16:3e:50:00:50 "$(guest one 'cat /sys/class/net/eth0/address')"

loss=$(ping -c 20 -i 0.2 -W 5 $A | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
same "20 of 20 pings from the control domain" 20 "$loss"
got=$(guest one "ping -c 20 -i 0.2 -W 5 $B" 60 | sed -n 's/.* \([0-9]*\) received.*/\1/p')
same "20 of 20 pings between guests" 20 "$got"
for g in one two; do
	guest $g 'busybox wget -q -O /tmp/nettool http://10.20.0.1:8000/nettool && chmod +x /tmp/nettool' 60 >/dev/null
	same "guest $g fetches a program over HTTP" 0 $?
done

# rate FROM TO: MB/s of 64 MiB in that many hundredths of a second.
t_now() { awk '{ printf "%d", $1 * 100 }' /proc/uptime; }
rate() { echo "$((64 * 100 / ($2 - $1 + 1))) MiB/s"; }

t0=$(t_now)
# Control domain to guest.
guest_bg one '/tmp/nettool tcp-recv 5002 | sha256sum >/tmp/sum'
t0=$(t_now)
timeout 120 /tmp/nettool tcp-send $A 5002 </tmp/www/blob
t1=$(t_now)
sleep 1
got=$(guest one 'cat /tmp/sum' | cut -d' ' -f1)
same "64 MiB over TCP, control domain to guest, $(rate "$t0" "$t1")" "$want" "$got"

# Guest to control domain: the guest sends back what it fetched.
guest one 'busybox wget -q -O /tmp/blob http://10.20.0.1:8000/blob' 120 >/dev/null
(timeout 150 /tmp/nettool tcp-recv 5003 | sha256sum | cut -d' ' -f1 >/tmp/sum) &
receiver=$!
t0=$(t_now)
guest one '/tmp/nettool tcp-send 10.20.0.1 5003 </tmp/blob' 120 >/dev/null
t1=$(t_now)
wait $receiver
same "64 MiB over TCP, guest to control domain, $(rate "$t0" "$t1")" "$want" "$(cat /tmp/sum)"

# Guest to guest.
guest_bg two '/tmp/nettool tcp-recv 5004 | sha256sum >/tmp/sum'
t0=$(t_now)
guest one "/tmp/nettool tcp-send $B 5004 </tmp/blob" 120 >/dev/null
t1=$(t_now)
sleep 1
same "64 MiB over TCP, guest to guest, $(rate "$t0" "$t1")" "$want" "$(guest two 'cat /tmp/sum' | cut -d' ' -f1)"
guest one 'rm -f /tmp/blob' >/dev/null

# Small packets at a modest rate: none may be lost on an idle bridge.
guest_bg one '/tmp/nettool udp-recv 5005 100000 120 >/tmp/udp 2>/dev/null'
sleep 2
/tmp/nettool udp-send $A 5005 100000 2000 >/tmp/udp.sent
sleep 2
same "100000 UDP packets of 64 bytes to the guest, $(cat /tmp/udp.sent)" "received 100000 duplicates 0 reordered 0" "$(guest one 'cat /tmp/udp')"

# IPv6 and offload: a large transfer over the link-local address of the bridge.
guest two 'ip -6 addr show dev eth0 scope link | grep -q fe80' >/dev/null
same "IPv6 link-local address is up" 0 $?
ll=$(guest two 'ip -6 -o addr show dev eth0 scope link' | sed -n 's/.*inet6 \([0-9a-f:]*\).*/\1/p' | head -1)
got=$(ping -6 -c 5 -W 5 "${ll}%br0" 2>/dev/null | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
same "5 of 5 pings over IPv6" 5 "$got"

check "both shut down" bash -c 'pav shutdown one && pav shutdown two'
check "the first is gone" gone one 150
check "the second is gone" gone two 150
finish
