#!/bin/bash
# No file names a place of somebody's machine, and every script can be run.
cd "$(dirname "$0")/../.." || exit 1
rc=0
# The words are cut in two here so that this file does not find itself.
if tests/lint/sources.sh all | xargs -r grep -nIE \
	"/wor""k/|/tm""p/pav|/ro""ot/\.|/hom""e/[a-z]|/Use""rs/" --; then
	echo "these lines name a path of one machine"
	rc=1
fi
while read -r f; do
	if [ "$(head -c 2 "$f" 2>/dev/null | tr -d '\0')" = '#!' ] && ! [ -x "$f" ]; then
		echo "$f: has an interpreter line but cannot be run"
		rc=1
	fi
done < <(tests/lint/sources.sh all)
# Trailing blanks and a missing last newline make noise in every later change.
if tests/lint/sources.sh i | xargs -r grep -nIE '[[:blank:]]+$' --; then
	echo "these lines end in blanks"
	rc=1
fi
exit $rc
