#!/bin/bash
# Disks: what the guest wrote is what the image holds, what the image holds is what the
# guest reads, a read-only disk refuses writes, several disks at once; disks that come and go;
# what flush and discard mean; then all of it again over a larger ring without persistent grants.
# limit: 540
. "$(dirname "$0")/lib/host.sh"
run_inside disk
