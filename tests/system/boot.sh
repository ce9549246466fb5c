#!/bin/bash
# The main job: control domain, a Debian guest at its login prompt, its page seen from
# outside QEMU, two guests at once, two vCPUs, and a guest with too little memory.
# limit: 540
. "$(dirname "$0")/lib/host.sh"
version=$(cat build/image/kernel/version)
want=$(cat build/image/kernel/vmlinuz.md5)
got=$(md5sum <build/image/kernel/vmlinuz | cut -d' ' -f1)
if [ -n "$want" ] && [ "$want" = "$got" ]; then
	echo "ok the kernel is the package's own: md5 $got ($version)"
else
	echo "FAILED the kernel is not the package's: md5 $got, wanted $want"
fi
thick=
linked=$(for p in $(cat build/lists/programs); do
	readelf -d "$p" | sed -n 's/.*NEEDED.*\[\(libxen[a-z]*\|libxl[a-z]*\)\..*/\1/p'
done | sort -u | tr '\n' ' ')
for l in $linked; do
	case $l in
	libxencall | libxenevtchn | libxengnttab | libxenforeignmemory | libxentoolcore | libxenstore) ;;
	*) thick+="$l " ;;
	esac
done
if [ -z "$thick" ]; then
	echo "ok only the thin /dev/xen libraries are linked: $linked"
else
	echo "FAILED linked beyond the thin /dev/xen libraries: $thick"
fi
run_inside boot
