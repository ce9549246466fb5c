#!/bin/bash
# The README's table of kernels has exactly the kernels of config/kernels.list, each in each of its roles: what the
# test boots.  Which version it was is the table's own business, since Debian's newest is another every few weeks.
cd "$(dirname "$0")/../.." || exit 1
want=$(sed 's/#.*//' config/kernels.list | awk 'NF {
	n = split($4, role, ",")
	for (i = 1; i <= n; i++) {
		print ($2 == "here" ? "Debian 12" : $2) ", `" $3 "` as " (role[i] == "control" ? "control domain" : "guest")
	}
}' | sort)
told=$(sed -n '/^<!-- kernels: /,/^<!-- kernels end -->/p' README.md |
	awk -F ' *[|] *' 'NF > 3 && $3 ~ /`/ { print $3 " as " $4 }' | sort)
if [ -z "$want" ] || ! diff <(echo "$want") <(echo "$told"); then
	echo "the README's table of kernels is not that of config/kernels.list; make kernels writes it"
	exit 1
fi
echo "$(wc -l <<<"$want") kernels and roles"
