#!/bin/bash
# The network: pings, TCP each way and between guests with checksums and in large packets, over
# IPv4 and IPv6, small UDP packets each way, an address by DHCP and one that is static.
# limit: 540
. "$(dirname "$0")/lib/host.sh"
run_inside net
