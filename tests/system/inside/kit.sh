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

# --- as the example says ------------------------------------------------------------------
mark=0
check "the example's file is created with another guest" pav create -p guest=template -p words=count=4 /etc/pavane/examples/kit.pav
if await kit 'I am kit, ' 60 && await kit '4 of 4' 30; then ok "it has its name from the store"; else bad "what it says"; fi
succeeds "the template" kit 30
check "it is gone" gone kit 60

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

# --- time -------------------------------------------------------------------------------
first=$(date +%s)
make_guest clock
succeeds "clocks that go forward, timers that are not early" clock 90
last=$(date +%s)
said=$(tr -d '\r' <"$(clog clock)" | sed -n 's/^wall clock //p' | tr '\n' ' ')
if echo "$first $said $last" | awk '{ exit !(NF == 4 && $1 - 1 <= $2 && $2 <= $3 && $3 <= $4 + 1) }'; then
	ok "the guest's wall clock lies between two looks at ours"
else
	bad "wall clocks: $first here, then in the guest $said, then $last here"
fi
check "it is gone" gone clock 60

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

# --- the network --------------------------------------------------------------------------
# One takes its address by DHCP, the other has it from its command line.
ECHO=10.20.0.50 WEB=10.20.0.77
make_guest netecho "connections=6" 'nic eth0 { bridge "br0"; mac "00:16:3e:50:00:50" }'
make_guest webserve "addr=$WEB/24 gw=10.20.0.1" 'nic eth0 { bridge "br0" }'
if await netecho 'echoing on port' 90; then
	same "an address by DHCP" $ECHO "$(tr -d '\r' <"$(clog netecho)" | sed -n 's/^network: //p')"
	same "20 of 20 pings" 20 "$(ping -c 20 -i 0.2 -W 5 $ECHO | sed -n 's/.* \([0-9]*\) packets received.*/\1/p')"
	head -c $((4 << 20)) /dev/urandom >/tmp/kit.blob
	echoed() { socat -t 60 -T $((60 * SLOW)) - TCP:$ECHO:7,connect-timeout=20 <"$1" 2>>$DETAIL | sum_of; }
	for bytes in 1 1460 65537 $((4 << 20)); do
		head -c "$bytes" /tmp/kit.blob >/tmp/kit.part
		same "$bytes bytes come back" "$(sum_of </tmp/kit.part)" "$(echoed /tmp/kit.part)"
	done
	echoed /tmp/kit.blob >/tmp/kit.other &
	other=$!
	same "two connections at once: one" "$(sum_of </tmp/kit.blob)" "$(echoed /tmp/kit.blob)"
	wait $other
	same "and the other" "$(sum_of </tmp/kit.blob)" "$(cat /tmp/kit.other)"
else
	bad "the echoing guest is ready"
fi
succeeds "TCP against lwIP over our backend" netecho 60
if await webserve 'serving on port' 60; then
	fetch() { curl -s -S -m $((60 * SLOW)) "http://$WEB/$1" 2>>$DETAIL; }
	case $(fetch '') in
	*'<h1>It works</h1>'*'</p>') ok "a page over HTTP" ;;
	*) bad "a page over HTTP: $(fetch '' | head -c 200)" ;;
	esac
	same "1 MiB over HTTP is what the guest says it is" "$(said webserve big)" "$(fetch big | sum_of)"
	same "what is not there is not found" 404 "$(curl -s -o /dev/null -m 60 -w '%{http_code}' "http://$WEB/none")"
	fetch stop >/dev/null
else
	bad "the web server is ready"
fi
succeeds "HTTP from a mini-guest" webserve 60
check "both are gone" eval 'gone netecho 60 && gone webserve 60'
finish
