#!/bin/bash
# See tests/system/abiguest.sh.
. /share/lib.sh

AT_ONCE=4
TESTS=$(for t in $(sed 's,.*/,,' /share/abi); do [ -x "/share/$t" ] && echo "$t"; done)

# verdict_of TEST: what it says in the end, or what came instead.  Its last words are in its log, however short its life was.
verdict_of() {
	local name=${1//-/_}
	cat >"/run/$name.pav" <<X
domain $name {
  memory  48MiB
  vcpus   2
  kernel  "/share/$1"
}
X
	if ! create "$name" >"/run/$name.create" 2>&1; then
		echo "not created: $(tail -n 1 "/run/$name.create")"
		return
	fi
	gone "$name" 90 >/dev/null 2>&1 || { pav destroy "$name" >/dev/null 2>&1; echo "not gone"; }
	tr -d '\r' <"$(clog "$name")" | sed -n 's/^VERDICT //p' | tail -n 1
}
run_guest() {
	local verdict
	verdict=$(verdict_of "$1" | tr '\n' ' ')
	case $verdict in
	SUCCESS*) ok "$1 as a guest: ${verdict#SUCCESS }" ;;
	*)
		bad "$1 as a guest: $verdict"
		detail "$1:" "$(tr -d '\r' <"$(clog "${1//-/_}")" | grep -a '^  BAD')"
		;;
	esac
}
# All that is counted but for processes; free frames apart, of which the hypervisor keeps some for the next domains.
counts() { pav census | grep -vE '^(processes|free_frames)'; }
free_frames() { pav census | awk '$1 == "free_frames" { print $2 }'; }

verdict_of hello >/dev/null # what the toolstack keeps from its first guest on is not counted
counts >/run/before
free=$(free_frames)
for t in $TESTS; do
	while [ "$(jobs -rp | wc -l)" -gt $AT_ONCE ]; do wait -n; done # one is the watch over our time
	run_guest "$t" &
done
wait $(jobs -rp | tail -n +2)
counts >/run/after
same "every count is as before" "$(tr '\n' ' ' </run/before)" "$(tr '\n' ' ' </run/after)"
kept=$((free - $(free_frames)))
if [ $kept -lt 10 ]; then ok "and free frames, but for $kept"; else bad "$kept frames are gone"; fi
finish
