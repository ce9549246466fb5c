#!/bin/bash
# Every reason of hypervisor/abi/reasons.h is given somewhere in the hypervisor: a table of what nobody says is no help.
cd "$(dirname "$0")/../.." || exit 1
told=$(sed -n 's/^REASON(\([A-Z0-9_]*\),.*/\1/p' hypervisor/abi/reasons.h | sort)
given=$(grep -rohE 'REASON_[A-Z0-9_]+' --include='*.[ch]' hypervisor/*/ | sed 's/^REASON_//' | sort -u)
[ -n "$told" ] || { echo "no reasons found"; exit 1; }
unused=$(comm -23 <(echo "$told") <(echo "$given"))
if [ -n "$unused" ]; then
	echo "reasons that are never given:" $unused
	exit 1
fi
echo "$(echo "$told" | wc -l) reasons"
