#!/bin/bash
# Lists the tree's own files: sources.sh c (C sources and headers), h (headers),
# all (every text file).  Not what is built, and not what is generated.
cd "$(dirname "$0")/../.."
list() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do
			if [ -f "$f" ]; then echo "$f"; fi
		done
	else
		find . -path ./build -prune -o -type f -print | sed 's,^\./,,' |
			while read -r f; do
				for p in "$@"; do
					# shellcheck disable=SC2254
					case $f in $p) echo "$f" ;; esac
				done
			done
	fi
}
case ${1:-c} in
c) list '*.c' '*.h' ;;
h) list '*.h' ;;
i) list '*.c' '*.h' '*.S' '*.l' '*.y' ;;
all) list '*' ;;
esac
