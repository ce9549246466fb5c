#!/bin/bash
# See tests/system/badinput.sh.
. /share/lib.sh

bad_kernels=/run/bad
mkdir -p $bad_kernels
echo "this is not a kernel" >$bad_kernels/text
head -c 3000000 /srv/vmlinuz >$bad_kernels/truncated
# The payload's middle overwritten: the xz stream no longer checks.
cp /srv/vmlinuz $bad_kernels/corrupt
dd if=/dev/zero of=$bad_kernels/corrupt bs=1 seek=4000000 count=64 conv=notrunc status=none
# An ELF that is no PV kernel.
cp /usr/bin/busybox $bad_kernels/program
truncate -s 16M /scratch/used.img

# The census first: it counts pavd's descriptors, among them those of a `pav` that has just ended.
snapshot() {
	pav census 2>/dev/null
	pav list | awk '{ print $1, $2, $3, $4, $5 }'
	xenstore-ls -f / 2>/dev/null | grep -v 'memory/'
	ls /sys/class/net
	ps -o comm | grep '^pav' | sort
}

# What an earlier step left in flight has settled when two looks agree.
settled() {
	local last=x now=y i
	for i in $(seq 20); do
		sleep 0.4
		now=$(snapshot)
		[ "$now" = "$last" ] && break
		last=$now
	done
	printf '%s\n' "$now"
}

# refused TEXT PATTERN COMMAND...: exit status not 0, one sentence that matches, nothing left.  What is there after one
# refusal is what was there before the next, unless something else is done in between: then before= is cleared.
before=
refused() {
	local text=$1 pattern=$2 out lines after i
	shift 2
	[ -n "$before" ] || before=$(settled)
	if out=$("$@" 2>&1 </dev/null); then
		bad "$text: accepted"
		detail "$text: $out"
		return
	fi
	# A connection that is just being closed is no leak; what stays for ten looks is.
	for i in $(seq 10); do
		after=$(settled)
		[ "$before" = "$after" ] && break
	done
	lines=$(printf '%s\n' "$out" | grep -c .)
	if ! printf '%s\n' "$out" | grep -qiE "$pattern"; then
		bad "$text: says '$(printf '%s' "$out" | head -3)'"
	elif [ "$lines" -gt "${MAX_LINES:-1}" ]; then
		bad "$text: $lines lines where one sentence is due"
		detail "$out"
	elif [ "$before" != "$after" ]; then
		bad "$text: something was left behind"
		detail "$text: $(diff <(echo "$before") <(echo "$after") | grep '^[-+<>]' | tr '\n' ' ')"
		before=
	else
		ok "$text: $(printf '%s' "$out" | head -1)"
	fi
}

spec x root= kernel=/srv/no-such-kernel
refused "no such kernel" 'no-such-kernel.*(no such file|not exist|cannot)|no such.*no-such-kernel' create x
spec x root= kernel=$bad_kernels/text
refused "a text file as kernel" 'text.*(kernel|ELF|bzImage)' create x
spec x root= kernel=$bad_kernels/program
refused "a kernel without PV support" 'PV|note|Xen|not a kernel|paravirtual' create x
spec x root= kernel=$bad_kernels/truncated
refused "a truncated bzImage" 'truncated|ends|short' create x
spec x root= kernel=$bad_kernels/corrupt
refused "a corrupt xz payload" 'corrupt|xz|damaged' create x
spec x root= mem=200GiB
refused "memory beyond what is free" 'memory|free' create x
spec x root=/scratch/no-such-disk.img
refused "no such disk" 'no-such-disk.*(no such file|not exist|cannot)|no such.*no-such-disk' create x
spec x root= nic=auto
sed -i 's/br0/no-such-bridge/' /run/x.pav /run/x.json 2>/dev/null
refused "no such bridge" 'no-such-bridge' create x

printf 'domain x {\n  memory 256MiB\n  vcpus = = 2\n}\n' >/run/syntax.pav
MAX_LINES=4 refused "a syntax error, with file, line, column and the line" 'syntax.pav:3:[0-9]+' pav create /run/syntax.pav
printf 'domain x {\n  memroy 256MiB\n}\n' >/run/word.pav
MAX_LINES=12 refused "a misspelt word" 'word.pav:2:3.*memroy' pav create /run/word.pav

# These need a domain that is there.
spec there root=/scratch/used.img mem=96MiB crash=preserve
before=
if create there >/run/there.create 2>&1; then
	ok "a domain to collide with"
	# Until it has started as far as it can: its own doings must not count as left behind.
	end=$(($(now) + 60 * SLOW)) last=
	until [ "$last" = "$(snapshot)" ] || [ "$(now)" -ge $end ]; do
		last=$(snapshot)
		sleep 6
	done
	spec x root=/scratch/used.img
	refused "a disk already in use" 'in use|used' create x
	refused "a duplicate name" 'there.*(already|exist)|already.*there' create there
	refused "detaching the root disk" 'there.*runs from xvda.*-f' pav disk-detach there xvda
	pav destroy there
	check "it is gone" gone there 30
	before=
else
	bad "a domain to collide with: $(cat /run/there.create)"
fi
refused "no such domain" 'nobody' pav destroy nobody
refused "the control domain is no guest" 'Domain-0 is the control domain' pav pause Domain-0
refused "nor by its number" 'Domain-0 is the control domain' pav destroy 0
same "it can be described all the same" "0 running" \
	"$(pav info Domain-0 | awk '$1 == "domid" { d = $2 } $1 == "state" { print d, $2 }')"
finish
