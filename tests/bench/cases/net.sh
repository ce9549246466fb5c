#!/bin/bash
# Network: 64 MiB over TCP between the control domain and a guest, each way; on bare Linux
# over the loopback.
# on: bare peer pavane
cp /share/nettool /tmp/
ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
mbit() { echo "metric $1 $(((64 << 20) * 8 / 1000 / ($3 - $2 + 1))) Mbit/s"; }
blob() { head -c $((64 << 20)) /dev/zero; }
if [ ! -e /sys/hypervisor/type ]; then
	/tmp/nettool tcp-recv 5001 >/dev/null &
	t=$(ms); blob | /tmp/nettool tcp-send 127.0.0.1 5001; mbit loopback "$t" "$(ms)"
	exit
fi
. /share/lib.sh
mkdir -p /tmp/www && cp /share/nettool /tmp/www/
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
spec bench root=/dev/vda nic=00:16:3e:50:00:50 mem=512MiB
up bench 600 || exit 1
guest bench 'busybox wget -q -O /tmp/nettool http://10.20.0.1:8000/nettool; chmod +x /tmp/nettool' 120
guest_bg bench '/tmp/nettool tcp-recv 5002 >/dev/null'
sleep 1
t=$(ms); blob | /tmp/nettool tcp-send 10.20.0.50 5002; mbit control_to_guest "$t" "$(ms)"
/tmp/nettool tcp-recv 5003 >/dev/null &
t=$(ms); guest bench 'head -c 67108864 /dev/zero | /tmp/nettool tcp-send 10.20.0.1 5003' 300; mbit guest_to_control "$t" "$(ms)"
pav destroy bench
