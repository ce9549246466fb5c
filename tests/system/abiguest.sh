#!/bin/bash
# The ABI tests as guests: each image of tests/abi that is not about the control domain's own calls is created with our
# toolstack beside a control domain, several at a time, with the console ring, the store's page and the limits that any guest
# has, and must say there what it says as first domain.  None leaves anything behind.  In a check these are the ones that
# ask who they are, because they expect other answers as a guest; ABI_GUESTS=all takes every one.
# limit: 400
. "$(dirname "$0")/lib/host.sh"

# Who is about those skips itself, first thing.
controlling=$(grep -Pzl '!is_control_domain\(\)\) \{\n\t\treturn SKIP' tests/abi/*/main.c | xargs -n1 dirname | xargs -n1 basename)
asking=$(grep -l 'is_control_domain()' tests/abi/*/main.c | xargs -n1 dirname | xargs -n1 basename)
[ "${ABI_GUESTS:-}" = all ] && asking=$(sed 's,.*/,,' build/lists/abi)
taken=$(grep -vx hcallfuzz <<<"$asking" | grep -vxF "$controlling" | sed 's,^,build/abi/,')
FILES="$(tr '\n' ' ' <<<"$taken") build/lists/abi"
run_inside abiguest
