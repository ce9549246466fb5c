#!/bin/bash
# See tests/system/boot.sh.
. /share/lib.sh

mkdir -p /tmp/www
cp /share/fpucheck /share/calls32 /share/clockcheck /tmp/www/
busybox httpd -p 10.20.0.1:8000 -h /tmp/www

same "control domain runs the package's kernel ($KERNEL)" "$KERNEL" "$(uname -r)"

# events_of <LOG: how a kernel says that it has its events shown.
events_of() {
	sed -n 's/.*xen:events: Using \([^ ]*\) ABI.*/\1/p' | tail -n 1
}
same "control domain has its events by the FIFO ABI" FIFO-based "$(dmesg | events_of)"

if pav dmesg | head -n 1 | grep -q 'Pavane, started by' && ! pav dmesg | grep -qv '^(pav) '; then
	ok "pav dmesg is the hypervisor's own log, from its first line ($(pav dmesg | wc -l) lines)"
else
	bad "pav dmesg begins with $(pav dmesg | head -n 1), and $(pav dmesg | grep -vc '^(pav) ') lines are not the hypervisor's"
fi

runs=$(ps -o comm | grep -xE 'xl|xenstored|oxenstored|xenconsoled|xend|libxl.*' | tr '\n' ' ')
same "no other toolstack runs" "" "$runs"

t0=$(now)
spec first root=/dev/vda nic=00:16:3e:50:00:50 mem=448MiB
if start first 200; then
	ok "guest at its login prompt after $(($(now) - t0)) s"
else
	bad "guest at its login prompt"
	finish
fi
check "login on the console" login first
same "guest runs the package's kernel" "$KERNEL" "$(guest first 'uname -r')"
same "guest has its events by the FIFO ABI" FIFO-based "$(guest first 'dmesg | grep xen:events' | events_of)"
# Stock kernels ask for performance counters, which nobody has here.
why=$(pav why first 2>&1)
case $why in
*"first, vCPU 0, "*": xenpmu_op "*": EOPNOTSUPP, NOT_SERVED"*) ok "pav why: $(echo "$why" | grep xenpmu_op | head -n 1)" ;;
*) bad "pav why first says: $why" ;;
esac
same "the same as JSON" EOPNOTSUPP "$(pav why first --json | sed -n '/"xenpmu_op"/,/}/s/.*"status": "\(.*\)",/\1/p' | head -n 1)"
check "and of all domains" sh -c "pav why | grep -q '^domain 0[:,]'"
if why=$(pav why nobody 2>&1); then
	bad "pav why nobody: $why"
else
	same "of a domain that is not there" "pav: there is no domain called nobody" "$why"
fi
# Both read the hypervisor's clock; what is between is the console's slowness.
before=$(date +%s)
then=$(guest first 'date +%s')
after=$(date +%s)
if [ "${then:-0}" -ge $((before - 2)) ] && [ "$then" -le $((after + 2)) ]; then
	ok "guest's clock is the control domain's ($(date -u -d "@$then" '+%F %T'))"
else
	bad "guest's clock says ${then:-nothing}, the control domain's $before to $after"
fi
same "guest's root file system is Debian 12" 12 "$(guest first '. /etc/os-release; echo $VERSION_ID')"
# The packages' own checksums, but for what the image leaves out.
got=$(guest first 'cd / && for p in bash coreutils dpkg libc-bin libc6 util-linux sysvinit-core iproute2; do cat /var/lib/dpkg/info/$p.md5sums /var/lib/dpkg/info/$p:amd64.md5sums 2>/dev/null; done | grep -vE " usr/share/(man|locale|doc|i18n)/" >/tmp/md5 && LC_ALL=C md5sum --quiet -c /tmp/md5; s=$?; echo $(grep -c . /tmp/md5) files, status $s' 120)
case $got in
[1-9]*" files, status 0") ok "its root file system is the packages' own by their checksums: $got" ;;
*) bad "its files do not match their packages' checksums: $(echo "$got" | tail -3 | tr '\n' ' ')" ;;
esac

# From outside QEMU, through a forwarded port, a page of a web server in the guest.
touch /share/want-curl
end=$(($(now) + 60 * SLOW))
until [ -e /share/curl-status ] || [ "$(now)" -ge $end ]; do sleep 0.3; done
if [ "$(cat /share/curl-status 2>/dev/null)" = 0 ] && grep -q 'A Debian guest on Pavane' /share/curl-page; then
	ok "curl from outside QEMU gets the guest's page ($(stat -c %s /share/curl-page) bytes)"
else
	bad "curl from outside QEMU: $(cat /share/curl-error 2>/dev/null)"
	detail "leases: $(cat /run/dnsmasq.leases)" "guest: $(guest first 'ip -br a')"
fi

spec second root=/dev/vdc vcpus=2 nic=auto mem=448MiB
t0=$(now)
if up second 200; then
	ok "a second guest beside the first, at its prompt after $(($(now) - t0)) s"
	same "it has 2 vCPUs, both online" 2 "$(guest second 'nproc')"
	busy=$(guest second 'for i in 1 2; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & done; wait; awk "/^cpu[01]/{print (\$2>5)}" /proc/stat' 90 | tr -d '\n')
	same "both of its vCPUs did work" 11 "$busy"
	# Vector registers, with more takers than CPUs: the two guests' and our own at once.
	for g in first second; do
		guest $g 'busybox wget -q -O /tmp/fpucheck http://10.20.0.1:8000/fpucheck && chmod +x /tmp/fpucheck' 60 >/dev/null
		console_send $g $'/tmp/fpucheck 12 >/tmp/f1; echo $? >/tmp/f2\r'
	done
	/tmp/www/fpucheck 12 >/tmp/f1 &
	beside=$!
	fpu=$(/tmp/www/fpucheck 12)
	fpu_status=$?
	wait $beside || fpu_status=$?
	sleep 3
	same "vector registers keep what is in them, in the control domain and both guests" "0 0 0" \
		"$fpu_status $(guest first 'cat /tmp/f2') $(guest second 'cat /tmp/f2')"
	detail "fpucheck: $fpu" "$(guest first 'cat /tmp/f1')" "$(guest second 'cat /tmp/f1')"
	# 32-bit programs (the CPU's vendor decides by which instruction), and time that is read on one vCPU after it was read on the other.
	same "a 32-bit program in the control domain" "int80 ok syscall ok segment ok" "$(/tmp/www/calls32 | sed s/sysenter/syscall/)"
	guest second 'for f in calls32 clockcheck; do busybox wget -q -O /tmp/$f http://10.20.0.1:8000/$f && chmod +x /tmp/$f; done' 60 >/dev/null
	same "a 32-bit program in a guest" "int80 ok syscall ok segment ok" "$(guest second /tmp/calls32 | sed s/sysenter/syscall/)"
	back=$(/tmp/www/clockcheck 8)
	check "time never steps back in the control domain: $back" test $? = 0
	back=$(guest second '/tmp/clockcheck 8')
	check "nor in a guest: $back" test $? = 0
	same "the first guest still answers" yes "$(guest first 'echo yes')"
else
	bad "a second guest beside the first"
fi

# Too little memory: either refused with a sentence, or the guest dies and we say so.
spec tiny root=/dev/vdd mem=40MiB
if create tiny >/run/tiny.create 2>&1; then
	end=$(($(now) + 90 * SLOW))
	until pav list | grep -w tiny | grep -qi crash || [ "$(now)" -ge $end ]; do sleep 0.5; done
	if pav list | grep -w tiny | grep -qi crash; then
		ok "a guest with 40 MiB dies and is reported crashed"
	else
		bad "a guest with 40 MiB: $(pav list | grep -w tiny)"
	fi
	pav destroy tiny
else
	same "a guest with 40 MiB is refused in one sentence" 1 "$(wc -l </run/tiny.create)"
fi
same "the first guest is none the worse" yes "$(guest first 'echo yes')"
check "both shut down when asked" bash -c 'pav shutdown first && pav shutdown second'
check "the first is gone" gone first 150
check "the second is gone" gone second 150
finish
