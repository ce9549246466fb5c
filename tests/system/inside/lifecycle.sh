#!/bin/bash
# See tests/system/lifecycle.sh.
. /share/lib.sh

spec life root=/dev/vda nic=00:16:3e:50:00:50
if ! up life 200; then
	bad "a guest to try things on"
	finish
fi
ok "create: the guest is at its prompt"

check "pause" pav pause life
set_mark life
console_send life $'echo still $((40+2)) here\r'
sleep 3
if tail -c "+$((mark + 1))" "$(clog life)" | grep -q 'still 42 here'; then
	bad "a paused guest answered"
else
	ok "a paused guest is silent for 3 s"
fi
if state_of life | grep -qi paused; then ok "it is listed as paused"; else bad "listed as: $(state_of life)"; fi
check "resume" pav resume life
check "it goes on where it was" await life 'still 42 here' 20

set_mark life
check "reboot" pav reboot life
console_close life
if await life 'Linux version .*login: |login: ' 150; then ok "it comes up again by itself"; else bad "no prompt after reboot"; fi

check "shutdown" pav shutdown life
check "it is gone after shutdown" gone life 90

spec crash root=/dev/vda mem=256MiB words="panic=0"
if up crash 200; then
	set_mark crash
	console_send crash $'echo last words; echo c >/proc/sysrq-trigger\r'
	end=$(($(now) + 60 * SLOW))
	until state_of crash | grep -qi crash || [ "$(now)" -ge $end ]; do sleep 0.5; done
	if state_of crash | grep -qi crash; then ok "a guest that panics is reported crashed"; else bad "after sysrq c it is listed as: $(state_of crash)"; fi
	console_close crash
	if tail -c "+$((mark + 1))" "$(clog crash)" | grep -aq 'Kernel panic'; then
		ok "its console is kept, with the panic ($(stat -c %s "$(clog crash)") bytes)"
	else
		bad "the panic is not in its kept console"
	fi
else
	bad "a guest to crash"
fi
check "destroy" pav destroy crash
check "it is gone after destroy" gone crash 30

# Twenty rounds with disk and network: the devices connect, then the domain is destroyed.
truncate -s 64M /scratch/round.img
counts() {
	pav census || echo "pav census failed: $?"
	echo "store-nodes $(xenstore-ls -f / 2>/dev/null | grep -vcE '^/local/domain/0/(memory|libxl)')"
	local n=0 p c
	for p in /proc/[0-9]*/cmdline; do
		c=
		read -r -d '' c <"$p"
		[ -n "$c" ] && n=$((n + 1))
	done 2>/dev/null
	echo "processes-here $n"
	for d in pavd pavstored pav-console; do
		for pid in $(pidof "$d"); do echo "descriptors-$d $(ls "/proc/$pid/fd" | wc -l)"; done
	done
}
round() {
	spec round root=/scratch/round.img nic=auto mem=96MiB words=rdinit=/init crash=destroy
	create round >/run/round.create 2>&1 || return 1
	if [ "$1" -le 5 ]; then
		# Some rounds wait until both devices work; the others destroy mid-way, at any moment.
		end=$(($(now) + 60 * SLOW))
		until xenstore-ls /local/domain/0/backend 2>/dev/null | grep -c 'state = "4"' | grep -qx 2 ||
			[ "$(now)" -ge $end ]; do sleep 0.2; done
	fi
	pav destroy round && gone round 30
}
round 1 || detail "warm-up round: $(cat /run/round.create)"
# What the guests before these rounds left in flight has settled when two looks agree.
for i in $(seq 10); do
	counts >/run/before
	sleep 3
	counts >/run/before.again
	cmp -s /run/before /run/before.again && break
done
t0=$(now) n=0
for i in $(seq 20); do
	if round "$i"; then n=$((n + 1)); else detail "round $i: $(cat /run/round.create)"; fi
done
sleep 2
counts >/run/after
same "20 rounds of create and destroy in $(($(now) - t0)) s" 20 $n
if grep -q '^pav census failed' /run/before /run/after || [ "$(grep -c . /run/after)" -lt 8 ] || ! grep -q '^dom0_grants_held' /run/after; then
	bad "the counts could not be taken: $(tr '\n' ' ' </run/after | cut -c1-200)"
elif cmp -s /run/before /run/after; then
	ok "every count is exactly as before: $(tr '\n' ' ' </run/after | cut -c1-300)"
else
	bad "counts differ: $(diff /run/before /run/after | grep '^[-+<>][a-z]' | tr '\n' ' ' | cut -c1-400)"
	detail "before: $(cat /run/before)" "after: $(cat /run/after)"
fi
finish
