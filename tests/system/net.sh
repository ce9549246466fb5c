#!/bin/bash
# The network: pings, TCP each way and between guests with checksums, small UDP packets.
# limit: 480
. "$(dirname "$0")/lib/host.sh"
run_inside net
