#!/bin/bash
# The same in a guest, and what creating and destroying one costs; our toolstack on both.
# on: peer pavane
# aim: getpid <= 900
# aim: clock_gettime <= 200
# aim: anonymous_fault <= 5200
# aim: pipe_round_trip <= 18000
# aim: fork_exit <= 1000000
# aim: fork_exec <= 1900000
# aim: create_returns <= 500
# aim: create_to_init <= 4200
. /share/lib.sh
mkdir -p /tmp/www && cp /share/micro /tmp/www/
busybox httpd -p 10.20.0.1:8000 -h /tmp/www
ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
truncate -s 64M /scratch/small.img /scratch/second.img
# Two disks and a network card; the kernel says when it starts its first process.
spec small root=/scratch/small.img disk=xvdb=/scratch/second.img nic=auto mem=256MiB crash=destroy words=loglevel=7
# The second create of the same kernel: the first fills the cache.
for i in 1 2; do
	set_mark small
	t=$(ms)
	create small || exit 1
	t1=$(ms)
	await small 'Run /init as init process' 120
	t2=$(ms)
	pav destroy small
	t3=$(ms)
	gone small 30
done
echo "metric create_returns $((t1 - t)) ms"
echo "metric create_to_init $((t2 - t)) ms"
echo "metric destroy_returns $((t3 - t2)) ms"
spec bench root=/dev/vda nic=00:16:3e:50:00:50 mem=512MiB
t=$(ms)
start bench 600 || exit 1
echo "metric create_to_login $(($(ms) - t)) ms"
login bench || exit 1
guest bench 'busybox wget -q -O /tmp/micro http://10.20.0.1:8000/micro; chmod +x /tmp/micro' 120
guest bench '/tmp/micro 5' 600 | grep '^metric'
pav destroy bench
