#!/bin/bash
# The kit's guests, each from a .pav file on the control domain, with our store and backends: what the store
# promises a guest, what a guest wrote and what the image holds, TCP and HTTP against the mini-guest's network
# frontend, clocks that agree.
# limit: 300
. "$(dirname "$0")/lib/host.sh"
FILES="$(printf 'build/guests/%s ' storeping blkcheck netecho webserve clock)"
run_inside kit
