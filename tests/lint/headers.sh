#!/bin/bash
# Each header compiles alone, with the flags of its side of the tree.
cd "$(dirname "$0")/../.." || exit 1
# What headers include and the build makes, in a tree where nothing is built yet.
make -s build/hv-include/.done build/hv/asm_offsets.h >/dev/null 2>&1
user=$(make -s --no-print-directory print-user-flags)
hyper=$(make -s --no-print-directory print-hypervisor-flags)
rc=0 n=0
while read -r h; do
	case $h in
	hypervisor/abi/* | hypervisor/lib/*) flags="$user -Ihypervisor" ;;
	hypervisor/*) flags="${hyper:-$user -ffreestanding} -Ihypervisor" ;;
	frontends/*) flags="$user -Ihypervisor -Ifrontends" ;;
	tests/abi/*) flags="$user -Ihypervisor -D__XEN_INTERFACE_VERSION__=0x00040e00" ;;
	tests/*) flags="$user -Ihypervisor -Ifrontends -Itests -D__XEN_INTERFACE_VERSION__=0x00040e00" ;;
	*) flags=$user ;;
	esac
	n=$((n + 1))
	# shellcheck disable=SC2086
	if ! printf '#include "%s"\n' "$PWD/$h" |
		gcc $flags -include stdint.h -Ibuild/hv -Ibuild/gen -U_FORTIFY_SOURCE -Wno-unused -O0 -fsyntax-only -x c -; then
		echo "$h does not compile alone"
		rc=1
	fi
done < <(tests/lint/sources.sh h)
echo "$n headers"
exit $rc
