#!/bin/sh
# Lines of code of the hypervisor, ring by ring: without comments and blank lines, and how many there are with them.
set -eu
cd "$(dirname "$0")"
printf '%-8s %6s %6s\n' ring code all
total=0 whole=0
for ring in abi lib arch base x86 mm core pv ctl main.c; do
	files=$(find "$ring" -name '*.[chS]')
	code=$(for f in $files; do gcc -fpreprocessed -dD -E -P -x c "$f" 2>/dev/null; done | grep -c '[^[:space:]]')
	all=$(cat $files | wc -l)
	printf '%-8s %6d %6d\n' "$ring" "$code" "$all"
	total=$((total + code)) whole=$((whole + all))
done
printf '%-8s %6d %6d\n' all "$total" "$whole"
