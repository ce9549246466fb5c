#!/bin/bash
# Every C file is as .clang-format says; `make fmt` makes it so.
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || exit 77
tests/lint/sources.sh c | xargs -r clang-format --dry-run -Werror 2>&1 |
	grep -E 'warning|error' | sed 's/:[0-9]*:[0-9]*:.*//' | sort | uniq -c |
	{
		rc=0
		while read -r n f; do
			echo "$f: $n places; run make fmt"
			rc=1
		done
		exit $rc
	}
