#!/bin/bash
# See tests/system/kit.sh.
. /share/lib.sh

# make_guest NAME WORDS [STATEMENTS]: writes its .pav file and creates it; its kernel is the guest of that name.
make_guest() {
	cat >"/run/$1.pav" <<X
domain $1 {
  memory  32MiB
  vcpus   2
  kernel  "/share/$1"
  cmdline "$2"
  ${3:-}
  on poweroff { destroy }
  on crash    { preserve }
}
X
	mark=0
	create "$1" >"/run/$1.create" 2>&1 || {
		detail "create $1: $(cat "/run/$1.create")"
		return 1
	}
}
# verdict NAME SECONDS: what its console says in the end, after the word VERDICT; its failed checks are kept.
verdict() {
	await "$1" $'VERDICT [^\r\n]+[\r\n]' "$2" || { echo none; return; }
	detail "$1:" "$(tr -d '\r' <"$(clog "$1")" | grep -a '^  BAD')"
	tr -d '\r' <"$(clog "$1")" | sed -n 's/^VERDICT //p' | tail -1
}
succeeds() { # succeeds TEXT NAME SECONDS: with the figures it gave
	local v
	v=$(verdict "$2" "$3")
	case $v in
	SUCCESS*) ok "$1: ${v#SUCCESS }$(tr -d '\r' <"$(clog "$2")" | sed -n 's/^metric/,/p' | tr -d '\n')" ;;
	*) bad "$1: $v" ;;
	esac
}

# --- the store --------------------------------------------------------------------------
make_guest storeping answer
if await storeping 'waiting for data/ping' 60; then
	id=$(pav list | awk '{ for (i = 1; i <= 2; i++) if ($i == "storeping") print ($i == $1 ? $2 : $1) }')
	pong=''
	for word in one two; do
		pav-store write "/local/domain/$id/data/ping" $word
		for _ in $(seq 100); do
			[ "$(pav-store read "/local/domain/$id/data/pong" 2>/dev/null)" = $word ] && { pong+=" $word"; break; }
			sleep 0.1
		done
	done
	same "what the control domain writes, the guest sees and answers" " one two" "$pong"
	pav-store write "/local/domain/$id/data/ping" end
else
	bad "the guest waits for the control domain's word"
fi
succeeds "the store's promises, as a guest sees them" storeping 60
check "it is gone" gone storeping 60

# --- disks ------------------------------------------------------------------------------
said() { tr -d '\r' <"$(clog "$1")" | sed -n "s/^$2 cksum //p" | tail -1; }
sum_of() { cksum | awk '{ print $1 " bytes " $2 }'; }
truncate -s 10M /scratch/kit.img
dd if=/dev/urandom of=/scratch/kit-read.img bs=1M count=6 status=none
make_guest blkcheck mib=8 'disk xvda { file "/scratch/kit.img" }
  disk xvdb { file "/scratch/kit-read.img"; readonly }'
succeeds "disks do what they say" blkcheck 120
check "it is gone" gone blkcheck 60
same "8 MiB in the image are what the guest wrote (cksum)" "$(said blkcheck wrote)" "$(head -c $((8 << 20)) /scratch/kit.img | sum_of)"
same "and what it did not write is as it was" 0 "$(tail -c $((2 << 20)) /scratch/kit.img | tr -d '\0' | wc -c)"
same "what the guest read of another is what is in it" "$(sum_of </scratch/kit-read.img)" "$(said blkcheck read)"
finish
