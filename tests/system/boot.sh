#!/bin/bash
# The main job: control domain, a Debian guest at its login prompt, its page seen from
# outside QEMU, two guests at once, two vCPUs, and a guest with too little memory.
# limit: 420
. "$(dirname "$0")/lib/host.sh"
version=$(cat build/image/kernel/version)
want=$(cat build/image/kernel/vmlinuz.md5)
got=$(md5sum <build/image/kernel/vmlinuz | cut -d' ' -f1)
if [ -n "$want" ] && [ "$want" = "$got" ]; then
	echo "ok the kernel is the package's own: md5 $got ($version)"
else
	echo "FAILED the kernel is not the package's: md5 $got, wanted $want"
fi
run_inside boot
