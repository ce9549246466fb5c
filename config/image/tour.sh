#!/bin/bash
# `make tour`: the opening comment of each file in the README's reading order.
cd "$(dirname "$0")/../.." || exit 1
sed -n '/^## Reading order/,/^## /p' README.md | grep -oE '`[A-Za-z0-9_./-]+\.[a-zA-Z]+`' | tr -d '`' |
	while read -r f; do
		printf '\n=== %s\n' "$f"
		if ! [ -e "$f" ]; then
			echo "(not there)"
			continue
		fi
		awk '
			/^#!/ { next }
			/^\/\*/ { c = 1 }
			c { t = $0; sub(/^\/\*+ ?/, "", t); e = t ~ /\*\//; sub(/ *\*\/.*/, "", t); sub(/^ \* ?/, "", t)
			    if (t != "" || shown) { print "  " t; shown = 1 } if (e) { exit } next }
			/^#( |$)/ { t = $0; sub(/^# ?/, "", t); print "  " t; h = 1; next }
			h || NF { exit }' "$f"
	done
