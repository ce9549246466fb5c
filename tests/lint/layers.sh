#!/bin/bash
# Checks every #include "..." of the tree against LAYERS and hypervisor/LAYERS:
# a file may include its own folder and what its row names, nothing else.
cd "$(dirname "$0")/../.." || exit 1
tests/lint/sources.sh i | awk '
function dir(p) { return p ~ /\// ? substr(p, 1, match(p, /\/[^\/]*$/) - 1) : "." }
# The row a path belongs to: the longest row that it equals or lies under.
function row_of(p,   r, best) {
	best = ""
	for (r in allow) {
		if ((p == r || index(p, r "/") == 1) && length(r) > length(best)) { best = r }
	}
	return best
}
function permitted(row, target,   i, n, word) {
	if (row_of(target) == row) { return 1 }
	n = split(allow[row], word, " ")
	for (i = 1; i <= n; i++) {
		if (target == word[i] || index(target, word[i] "/") == 1) { return 1 }
	}
	return 0
}
# "a/../b" and "./" made plain.
function plain(p) {
	gsub(/\/\.\//, "/", p); sub(/^\.\//, "", p)
	while (p ~ /[^\/]+\/\.\.\//) { sub(/[^\/]+\/\.\.\//, "", p) }
	return p
}
function complain(f, n, text) { printf "%s:%d: %s\n", f, n, text; bad++ }
function check(f, n, inc, quoted,   row, t) {
	row = row_of(f)
	if (row == "") { complain(f, n, "no row of a LAYERS table covers this file"); return }
	if (!quoted) {
		if (f !~ /^hypervisor\//) { return }
		if (inc ~ /^xen\//) {
			if ((" " allow[row] " ") !~ / <xen> /) { complain(f, n, row " may not include <" inc ">") }
		} else if (row == "hypervisor/lib" && inc ~ /^(stdio|string)\.h$/) {
			return	# the library also compiles for the host, whose names it then takes
		} else if (inc !~ /^(stdint|stddef|stdbool|stdarg|stdatomic|stdalign|stdnoreturn|limits|cpuid)\.h$/) {
			complain(f, n, "the hypervisor is freestanding: no <" inc ">")
		}
		return
	}
	t = plain(dir(f) "/" inc)
	if (!(t in tree)) { t = plain(inc) }
	if (!(t in tree)) { t = plain("hypervisor/" inc) }
	if (!(t in tree) && f ~ /^frontends\//) { t = plain("frontends/" inc) }
	if (!(t in tree)) {
		# A generated header lies beside its source; anything else is a mistake.
		if (inc ~ /(^|\/)(parse|lex|asm_offsets)([.a-z_]*)\.[ch]$/) { return }
		complain(f, n, "\"" inc "\" is no file of this tree"); return
	}
	seen++
	if (!permitted(row, t)) { complain(f, n, row " may not include " t) }
}
BEGIN {
	split("LAYERS hypervisor/LAYERS", table, " ")
	for (i in table) {
		while ((getline line < table[i]) > 0) {
			sub(/#.*/, "", line)
			if (line !~ /:/) { continue }
			k = line; sub(/:.*/, "", k); gsub(/[ \t]/, "", k)
			sub(/^[^:]*:/, "", line)
			allow[k] = line
		}
	}
}
{ tree[$0] = 1; file[++files] = $0 }
END {
	for (i = 1; i <= files; i++) {
		n = 0
		while ((getline line < file[i]) > 0) {
			n++
			if (match(line, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/)) {
				inc = line; sub(/^[^"]*"/, "", inc); sub(/".*/, "", inc); check(file[i], n, inc, 1)
			} else if (match(line, /^[ \t]*#[ \t]*include[ \t]*<[^>]+>/)) {
				inc = line; sub(/^[^<]*</, "", inc); sub(/>.*/, "", inc); check(file[i], n, inc, 0)
			}
		}
		close(file[i])
	}
	printf "%d files, %d includes inside the tree, %d against the tables\n", files, seen, bad
	exit bad > 0
}'
