#!/bin/bash
# Every word that the hypervisor's command line knows is documented in the README, and the
# README documents no other.
cd "$(dirname "$0")/../.." || exit 1
known=$(sed -n 's/^\t{ "\([a-z0-9_-]*\)", ARG_[A-Z]*,.*/\1/p' hypervisor/main.c | sort)
told=$(sed -n '/^| word | meaning |/,/^$/s/^| `\([a-z0-9_-]*\).*/\1/p' README.md | sort)
[ -n "$known" ] && diff <(echo "$known") <(echo "$told")
