#!/bin/bash
# Stock kernels of several ages: each as control domain and as guest, to a prompt, a working disk and a working
# network; those of config/kernels.list that every check takes, or KERNELS=all, or KERNELS="NAME...".  What was seen
# is left in build/logs/system/kernels.rows, from which `make kernels` writes the README's table.
# limit: 540
. "$(dirname "$0")/lib/host.sh"
. config/image/lib.sh
set +e
rows=build/logs/system/kernels.rows
stage=build/share/kernels
status=0

# column NAME N: of its row in the list.
column() { awk -v n="$1" -v c="$2" '$1 == n { print $c }' config/kernels.list; }

# find_kernels: names those that are here in all, guests and controls, and says why others are not.
find_kernels() {
	local name folder
	all='' guests='' controls=''
	for name in $(sed 's/#.*//' config/kernels.list | awk -v s="${KERNELS:-check}" '
		NF && (s == "all" || s == $5 || index(" " s " ", " " $1 " ")) { print $1 }'); do
		folder=$(kernel_folder "$name")
		if [ -s "$folder/absent" ]; then
			echo "skipped $(column "$name" 3) of $(column "$name" 2): $(cat "$folder/absent")"
			echo "absent $name - - - -" >>$rows
		elif [ -s "$folder/version" ]; then
			all+=" $name"
			case $(column "$name" 4) in *guest*) guests+=" $name" ;; esac
			case $(column "$name" 4) in *control*) controls+=" $name" ;; esac
		elif [ "$(column "$name" 5)" = ask ]; then
			echo "skipped $(column "$name" 3) of $(column "$name" 2): not fetched; make kernels says why"
			echo "absent $name - - - -" >>$rows
		else
			echo "FAILED $name: $folder holds no kernel; make check fetches it"
			status=1
		fi
	done
}

# stage_kernels: what the control domain needs of each, as a folder for its share.
stage_kernels() {
	local name folder initrd
	rm -rf $stage
	for name in $all; do
		folder=$(kernel_folder "$name") initrd=$(kernel_folder "$name")/guest-initrd
		[ "$name" = stock ] && initrd=$IMAGE/guest-initrd
		mkdir -p "$stage/$name"
		cp "$folder/version" "$folder/package" "$stage/$name/"
		case " $guests " in
		*" $name "*)
			cp "$folder/vmlinuz" "$stage/$name/vmlinuz"
			cp "$initrd" "$stage/$name/initrd"
			;;
		esac
	done
}

# boot NAME: a machine whose control domain runs that kernel; the first of them starts every guest, another the
# first one's and its own.
boot() {
	local name=$1 folder words=()
	folder=$(kernel_folder "$name")
	if [ "$name" != stock ]; then
		cat $IMAGE/dom0-initrd "$folder/control-modules" >$stage.initrd
		words=(-k "$folder/vmlinux" -i $stage.initrd)
	fi
	echo "$name" >$stage/control
	if [ "$name" = "$first" ]; then echo "$guests"; else echo "$first $name"; fi >$stage/guests
	LABEL=kernels-$name FILES=$stage run_inside kernels "${words[@]}" || status=1
	if [ -s "$share/rows" ]; then
		cat "$share/rows" >>$rows
	else
		echo "control $name $(cat "$folder/version") no no no" >>$rows
	fi
	rm -rf "$share"
}

mkdir -p build/logs/system
: >$rows
find_kernels
stage_kernels
# The stock kernel is control domain and guest of all other system tests: a check has one machine here, with the others.
[ "${KERNELS:-check}" = check ] && controls=${controls##* } guests=${guests/ stock/}
first=${controls# }
first=${first%% *}
for name in $controls; do boot "$name"; done
rm -rf $stage $stage.initrd
exit $status
