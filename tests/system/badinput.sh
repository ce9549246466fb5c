#!/bin/bash
# Bad input: one clear sentence each, and nothing left behind.
# limit: 300
. "$(dirname "$0")/lib/host.sh"
run_inside badinput
