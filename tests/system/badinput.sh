#!/bin/bash
# Bad input: one clear sentence each, and nothing left behind.
# limit: 300
# load: light
. "$(dirname "$0")/lib/host.sh"
run_inside badinput
