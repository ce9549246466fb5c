#!/bin/bash
# The kit's guests, each from a .pav file on the control domain, with our store and backends: what the store
# promises a guest, what a guest wrote and what the image holds, TCP and HTTP against the mini-guest's network
# frontend, clocks that agree; and the way of a newcomer: a guest made from the template, started by itself, and one
# of the control domain's own from the example's file.
# limit: 300
. "$(dirname "$0")/lib/host.sh"

# A name that nobody has; what is made of it goes again.
name=newcomer$$
mkdir -p build/logs/system
trap 'rm -f "frontends/guests/$name.c" "build/guests/$name"' EXIT
if NAME=$name WORDS=count=2 config/image/newguest.sh >build/logs/system/kit-guest.log 2>&1 &&
	cmp -s frontends/guests/template.c "frontends/guests/$name.c" &&
	grep -q '^2 of 2' build/logs/system/kit-guest.log && grep -q '^VERDICT SUCCESS' build/logs/system/kit-guest.log; then
	echo "ok a guest of one's own: made, built and started"
else
	echo "FAILED a guest of one's own"
	sed 's/^/> /' build/logs/system/kit-guest.log
fi
rm -f "frontends/guests/$name.c" "build/guests/$name"

FILES="$(printf 'build/guests/%s ' storeping blkcheck netecho webserve clock)"
run_inside kit
