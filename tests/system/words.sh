#!/bin/bash
# Words of the hypervisor's command line do what the README says, and what is wrong with one is
# said in a sentence.  Each line below is a boot of the smallest guest, a second or two.
# limit: 150
set -u
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/logs/system
hypervisor=${PAVANE_HYPERVISOR:-build/pavane}
log=build/logs/system/words.serial.log

boot() { # boot WORDS: until the guest powers off, or a panic
	rm -f "$log"
	timeout -k 2 20 qemu-system-x86_64 -machine q35 -cpu max,-smap -smp 1 -m 512 -nodefaults -nographic \
		-no-reboot -accel tcg,thread=single -serial "file:$log" -monitor none -kernel "$hypervisor" \
		-append "$1" -initrd build/guests/hello </dev/null >/dev/null 2>&1 &
	qemu=$!
	trap 'kill $qemu 2>/dev/null' EXIT
	while kill -0 $qemu 2>/dev/null; do
		sleep 0.1
		grep -aq 'Reboot in 5 seconds' "$log" 2>/dev/null && kill $qemu
	done
	wait $qemu
	status=$?
	tr -d '\r' <"$log" >"$log.text"
}
failed() {
	echo "FAILED $1"
	tail -n 12 "$log.text" | sed 's/^/> /'
}
says() { # says WORDS REGEX: some line does
	boot "$1"
	if grep -aqE "$2" "$log.text"; then echo "ok $1: $(grep -aoE "$2" "$log.text" | head -1)"; else failed "$1: nothing says '$2'"; fi
}

says "dom0_mem=128M" '^hello from the control domain, 131072 KiB'
says "dom0_mem=min:64M,max:96M" '^hello from the control domain, 98304 KiB'
says "dom0_mem=64M,max:128M" '^hello from the control domain, 65536 KiB'
says "dom0_mem=32M,min:64M" '^hello from the control domain, 65536 KiB'
says "dom0_mem=64M,most:1G" "option 'dom0_mem' is ill-formed"
says "dom0_mem=99G" 'PANIC on CPU 0: dom0_mem=103809024K is more than the machine has free, which is [0-9]+K'
says "dom0_mem=1M" 'PANIC on CPU 0: dom0_mem=1024K is too small: kernel and initrd need [0-9]+K'
says "spec-ctrl=bti-thunk=retpoline" 'indirect branches: retpolines'
says "spec-ctrl=bti-thunk=retpoline" '^hello from the control domain'
says "spec-ctrl=off" 'spec-ctrl=off: only bti-thunk=retpoline and bti-thunk=jmp are known'
says "loglvl=foo" "option 'loglvl or guest_loglvl' is ill-formed"
says "dom0_max_vcpus=99" 'dom0_max_vcpus=99: a domain has at most 32'
says "console=com1" '^hello from the control domain, [0-9]+ KiB'
says "console=vga" 'console=vga: there is only com1'
boot "console=none"
if [ $status = 0 ] && ! grep -aqE '\(pav\)|hello' "$log.text"; then
	echo "ok console=none: the machine runs to its end, and not a word on the serial line"
else
	failed "console=none: exit status $status, and on the serial line:"
fi
