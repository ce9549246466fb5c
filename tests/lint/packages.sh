#!/bin/bash
# config/packages.list is what a fresh machine gets, so it must bring whatever the scripts,
# recipes and sources use here; and what nothing uses has no place in it.
# A use is a program in command position or by its path, a header, a -l library.  Its
# package must be listed, be required of every Debian, or come with one that is.  What this
# machine does not have is not decided; nor is a word that only looks like a command.
cd "$(dirname "$0")/../.." || exit 1
PATH=/usr/sbin:/usr/bin:/sbin:/bin
command -v dpkg-query >/dev/null || exit 77

# Only one of several ways, taken where the machine has it: the scripts go on without.
optional='git|sudo'

scripts() {
	tests/lint/sources.sh all | grep -E \
		'^(Makefile|.*\.mk|config/image/.*\.sh|tests/.*\.sh|tests/system/lib/.*|tests/golden/[^/]*/run|tests/models/check|tests/bench/bench|tests/coverage/measure)$' |
		grep -v -e '^tests/system/inside/' -e '^tests/bench/cases/' -e '^config/image/guest-customize'
}

# The shell's own words, and the scripts' functions, are no programs.
is_program() {
	[[ $(type -t "$1") == file ]] && ! grep -qxF "$1" build/lint/functions
}

# Files of this machine: programs named by path or in command position.
programs() {
	scripts | xargs grep -ohE '/usr/(bin|sbin|libexec)/[A-Za-z0-9_./+-]+[A-Za-z0-9]'
	# A line's start, or what follows | ; & ( { ! ` and the words that a command follows.
	scripts | grep -v bench/bench | xargs sed -E 's/^[[:space:]]*@?//; s/^#.*//' |
		sed -E "s/(\\\$\(|[|;&({\`!]|\b(then|do|else|if|while|until|exec|env|timeout [^ ]*|xargs( -[a-z0-9]+)*|as_root|with_root|command -v)\b)/\n/g" |
		sed -nE 's/^[[:space:]@"]*([a-z][a-z0-9_.+-]*)([[:space:]].*)?$/\1/p' | sort -u |
		while read -r word; do is_program "$word" && type -P "$word"; done
	# What is started otherwise: the runners' interpreters and compilers.
	scripts | xargs sed -nE '1s,^#!(/usr/bin/env )?,,p' | sort -u | while read -r word; do type -P "$word"; done
	sed -nE 's/^(CC|LD|OBJCOPY)[[:space:]]*:?=[[:space:]]*//p' Makefile hypervisor/*.mk frontends/*.mk |
		while read -r word; do type -P "$word"; done
}

headers() {
	local h d
	tests/lint/sources.sh c | grep -v '^hypervisor/' | xargs sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<([^>]*)>.*/\1/p' |
		sort -u | while read -r h; do
		for d in /usr/include /usr/include/x86_64-linux-gnu; do
			if [ -e "$d/$h" ]; then echo "$d/$h"; fi
		done
	done
}

libraries() {
	local l
	tests/lint/sources.sh all | grep -E '(^Makefile|\.mk)$' | xargs grep -ohE '[[:space:]=]-l[a-z0-9_-]+' | sed 's/.*-l//' | sort -u |
		while read -r l; do
			l=$(gcc -print-file-name="lib$l.so")
			if [ -e "$l" ]; then echo "$l"; fi
		done
}

# Each file under both its names: /bin and /usr/bin are one folder, and dpkg knows either;
# and as what it stands for, where it is an alternative.
names() {
	local f
	sort -u | while read -r f; do
		f=$(readlink -f "$(dirname "$f")")/$(basename "$f")
		[[ $(readlink "$f") == /etc/alternatives/* ]] && f=$(readlink -f "$f")
		printf '%s\n' "$f" "${f#/usr}"
	done
}

# "package file" for every use, the package without its architecture.
owners() {
	{ programs; headers; libraries; } | names | xargs dpkg -S 2>/dev/null |
		sed -nE 's/^([^:,]+)(:[a-z0-9]+)?(, [^:]*)?: (.*)/\1 \4/p' | sort -u
}

# What the listed packages bring with them, and what no Debian lacks.
given() {
	dpkg-query -W -f '${Package}\t${Essential}\t${Priority}\t${Pre-Depends}, ${Depends}\n' | awk -F '\t' '
	NR == FNR { want[$1] = 1; next }
	{
		d = $4; gsub(/\|[^,]*/, "", d); gsub(/\([^)]*\)/, "", d); gsub(/:[a-z0-9]+/, "", d)
		gsub(/[ \t]/, "", d); deps[$1] = d
		if ($2 == "yes" || $3 == "required") { want[$1] = 1 }
	}
	function visit(p,   i, n, d) {
		if (p == "" || p in done) { return }
		done[p] = 1
		print p
		n = split(deps[p], d, ",")
		for (i = 1; i <= n; i++) { visit(d[i]) }
	}
	END { for (p in want) { visit(p) } }' build/lint/listed - | sort -u
}

mkdir -p build/lint
scripts | xargs sed -nE 's/^[[:space:]]*([a-z_]+)\(\) \{.*/\1/p' | sort -u >build/lint/functions
sed 's/#.*//; s/[[:space:]]//g; /^$/d' config/packages.list | sort -u >build/lint/listed
given >build/lint/given
owners | grep -vE "^($optional) " >build/lint/used
dpkg-query -W -f '${Essential} ${Priority} ${Package}\n' | sed -nE 's/^(yes [a-z]+|.* required) //p' |
	sort - build/lint/listed | comm -13 - <(cut -d' ' -f1 build/lint/used | sort -u) >build/lint/brought
rc=0
while read -r package file; do
	echo "$file is used, and its package $package is not in config/packages.list"
	rc=1
done < <(awk 'NR == FNR { given[$1] = 1; next } !($1 in given)' build/lint/given build/lint/used)
# A package is used as well if it is what brings a used one that nobody lists: python3 its interpreter.
while read -r package; do
	depends=$(dpkg-query -W -f '${Pre-Depends}, ${Depends}' "$package" 2>/dev/null) || continue
	brought=$(tr ',' '\n' <<<"$depends" | sed -E 's/^ *([a-z0-9.+-]+).*/\1/')
	if ! grep -qxF "$brought" build/lint/brought; then
		echo "$package is in config/packages.list, and nothing of it is used"
		rc=1
	fi
done < <(comm -23 build/lint/listed <(cut -d' ' -f1 build/lint/used | sort -u))
echo "$(wc -l <build/lint/used) files used, of $(cut -d' ' -f1 build/lint/used | sort -u | wc -l) packages"
exit $rc
