#!/bin/bash
# `make guest NAME=mine`: makes frontends/guests/mine.c from the template if it is not there, builds it, and starts it
# as the first domain of a machine of its own, which takes a second or two.  WORDS is its command line.
cd "$(dirname "$0")/../.." || exit 1
name=${NAME:-} file=frontends/guests/$name.c log=build/logs/guest-$name.log
if ! [[ $name =~ ^[a-z][a-z0-9_-]*$ ]]; then
	echo "make guest NAME=mine: a name of small letters, digits, - and _, which begins with a letter" >&2
	exit 2
fi
mkdir -p build/logs
if ! [ -e "$file" ]; then
	cp frontends/guests/template.c "$file"
	echo "  made    $file"
fi
${MAKE:-make} --no-print-directory build/pavane "build/guests/$name" || exit 1
echo "  its console, as the first domain of a machine in QEMU:"
echo
timeout 60 qemu-system-x86_64 -machine q35 -cpu max,-smap -smp 2 -m 256 -nodefaults -nographic -no-reboot \
	-accel tcg,thread=multi -serial stdio -kernel build/pavane \
	-append "console=com1 loglvl=error guest_loglvl=all dom0_mem=64M dom0_max_vcpus=2" \
	-initrd "build/guests/$name ${WORDS:-}" </dev/null 2>&1 | tr -d '\r' | tee "$log" |
	sed -u '/SeaBIOS/d; /^(pav)/d; s/.*Booting from ROM\.*//'
echo
if ! grep -q '^.*VERDICT' "$log"; then
	echo "  It came to no verdict within a minute; all that was said is in $log."
	exit 1
fi
cat <<X
  Next:
    change $file, and say this again      (WORDS="count=5" gives it a command line)
    frontends/rt/rt.h, frontends/drv/*.h    what it may use; the other guests show how
    with a store, a disk and a network: make run, Ctrl-] at the guest's login, and there
        pav create -p guest=$name /etc/pavane/examples/kit.pav
        cat /var/log/pavane/console/kit.log       (pav console kit while it runs)
X
