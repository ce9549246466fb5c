#!/bin/bash
# What the hypervisor says when it ends: the reason, and the call chain by name, on both
# flavours, and even with loglvl=none.  Once for a panic of its own, at a boot without a control
# domain; once for a fault, which a debugger provokes by sending it to address 0.
# limit: 90
set -u
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/logs/system

# boot HYPERVISOR LOG [QEMU ARGUMENTS...]
boot() {
	local image=$1 log=$2
	shift 2
	timeout -k 2 30 qemu-system-x86_64 -machine q35 -cpu max,-smap -smp 1 -m 256 -nodefaults -nographic -no-reboot \
		-accel tcg,thread=single -serial "file:$log" -monitor none -kernel "$image" \
		-append "console=com1 noreboot loglvl=none" "$@" </dev/null >/dev/null 2>&1 &
	qemu=$!
	trap 'kill $qemu 2>/dev/null' EXIT
}
# until the machine is halted
halted() {
	local i
	for i in $(seq 150); do
		grep -aq 'The machine is halted' "$1" 2>/dev/null && break
		sleep 0.1
	done
	kill $qemu 2>/dev/null
	wait $qemu 2>/dev/null
}
# says LOG TEXT REGEX...: every line is there
says() {
	local log=$1 text=$2 re
	shift 2
	for re; do
		if ! tr -d '\r' <"$log" | grep -aqE "\(pav\) $re"; then
			echo "FAILED $text: no line '$re'; it said:"
			head -n 40 "$log" | sed 's/^/> /'
			return
		fi
	done
	echo "ok $text"
}

guards=
for flavour in pavane pavane-debug; do
	elf=build/${flavour/pavane/hv}/pavane.elf
	log=build/logs/system/panic.$flavour.log
	rm -f "$log"
	boot build/$flavour "$log"
	halted "$log"
	says "$log" "$flavour: a panic says why, and where by name" \
		'PANIC on CPU 0: no control domain: ' 'call chain:' ' +[0-9a-f]{16} (dom0_build|boot_main)\+0x'

	log=build/logs/system/fault.$flavour.log
	rm -f "$log"
	socket=$(mktemp -u "${TMPDIR:-/tmp}/panic.XXXXXX")
	boot build/$flavour "$log" -S -gdb "unix:$socket,server=on,wait=off"
	for i in $(seq 50); do [ -S "$socket" ] && break || sleep 0.1; done
	# On the way, the stack protector's guard as it is then.
	timeout 20 gdb -nx -batch -ex "file $elf" -ex "target remote $socket" -ex 'hbreak dom0_build' -ex continue \
		-ex 'output/x *(unsigned long *)&__stack_chk_guard' \
		-ex 'set $pc = 0' -ex detach </dev/null >build/logs/system/fault.gdb.log 2>&1
	halted "$log"
	rm -f "$socket"
	guards+="$(grep -ao '^0x[0-9a-f]*' build/logs/system/fault.gdb.log | tail -1) "
	says "$log" "$flavour: a fault says so with registers, stack and the call chain by name" \
		'PANIC on CPU 0: unexpected page fault' 'vector 14 \(page fault\)' 'RIP e008:0000000000000000 ' \
		'R13 .* CR2 0000000000000000' 'stack from ffff' '( +[0-9a-f]{16}){4}$' 'call chain:' ' +[0-9a-f]{16} boot_main\+0x' ' +[0-9a-f]{16} high\+0x'
done

read -r one other <<<"$guards"
if [[ $one =~ 0x[0-9a-f]{8,14}00$ && $other =~ 0x[0-9a-f]{8,14}00$ && $one != "$other" ]]; then
	echo "ok the stack guard differs from boot to boot ($one, $other)"
else
	echo "FAILED the stack guards of two boots are '$one' and '$other'"
fi
