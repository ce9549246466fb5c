#!/bin/bash
# Starts the machine of config/qemu.args with our images, in the foreground:
#
#   machine.sh [-s SHARE] [-w PORT] [-p] [-i RAMDISK] [-k KERNEL] [-x 'HYPERVISOR WORDS'] [-a 'KERNEL WORDS'] [-- QEMU ARGS]
#
#   -s SHARE  a folder for the control domain's /share
#   -w PORT   forward this loopback port to the web server of the guest at 10.20.0.50
#   -p        keep what the guests write to their disk (otherwise each start is fresh)
#   -b        the bare kernel, without a hypervisor
#   -i RAMDISK  in place of the control domain's own
#   -k KERNEL   in place of its kernel, the file that `pav unpack-kernel` makes
#
# In the control domain: vda is the guests' disk, vdb scratch space, vdc and vdd more
# copies of the guests' disk.  PAVANE_HYPERVISOR names another hypervisor of the same ABI,
# PAVANE_WORDS more words for it, PAVANE_ACCEL another accelerator, PAVANE_CPUS another
# number of CPUs.
cd "$(dirname "$0")/../.." || exit 1
IMAGE=build/image
share='' port='' hyper_words='' kernel_words='' bare='' disk=$IMAGE/guest.img snap=on
ramdisk=$IMAGE/dom0-initrd kernel=$IMAGE/vmlinux
while getopts s:w:x:a:i:k:pb o; do
	case $o in
	s) share=$OPTARG ;;
	w) port=$OPTARG ;;
	x) hyper_words+=" $OPTARG" ;;
	a) kernel_words+=" $OPTARG" ;;
	i) ramdisk=$OPTARG ;;
	k) kernel=$OPTARG ;;
	p) disk=build/run/guest.img snap=off ;;
	b) bare=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ "${1:-}" = -- ] && shift

hypervisor=${PAVANE_HYPERVISOR:-build/pavane}
mapfile -t words < <(sed 's/#.*//' config/qemu.args | xargs -n1)
cpus=${PAVANE_CPUS:-2}
words+=(-smp "$cpus")
accel=tcg,thread=multi
if [ -r /dev/kvm ] && grep -qsE '^kvm_(intel|amd) ' /proc/modules; then
	accel=kvm
fi
accel=${PAVANE_ACCEL:-$accel}
words+=(-accel "$accel")
# The emulator translates code anew for each virtual address it meets it at: with random
# ones, every process has its own translations of the same library.
[ "${accel%%,*}" = tcg ] && kernel_words+=" norandmaps"
scratch=$IMAGE/scratch.img
[ -e $scratch ] || truncate -s 3G $scratch
drive() { # drive FILE SNAPSHOT
	words+=(-drive "file=$1,format=raw,if=none,id=d$n,snapshot=$2,discard=unmap,cache=unsafe,file.locking=off"
		-device "virtio-blk-pci,drive=d$n")
	n=$((n + 1))
}
n=0
drive "$disk" $snap
drive $scratch on
drive $IMAGE/guest.img on
drive $IMAGE/guest.img on
net=user,id=net
[ -n "$port" ] && net+=,hostfwd=tcp:127.0.0.1:$port-:80
words+=(-netdev "$net" -device virtio-net-pci,netdev=net,romfile=)
[ -n "$share" ] && words+=(-virtfs "local,path=$share,mount_tag=share,security_model=none,id=share")

common="loglevel=4 panic=-1 net.ifnames=0"
if [ -n "$bare" ]; then
	exec qemu-system-x86_64 "${words[@]}" -serial mon:stdio -kernel $IMAGE/kernel/vmlinuz \
		-initrd "$ramdisk" -append "console=ttyS0 $common $kernel_words" "$@"
fi
exec qemu-system-x86_64 "${words[@]}" -serial mon:stdio -kernel "$hypervisor" \
	-append "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M dom0_max_vcpus=$cpus loglvl=info guest_loglvl=warning $hyper_words ${PAVANE_WORDS:-}" \
	-initrd "$kernel console=hvc0 $common $kernel_words,$ramdisk" "$@"
