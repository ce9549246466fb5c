#!/bin/bash
# A domain's life: pause and resume, reboot, shutdown, destroy, a panic; and after twenty
# rounds of create and destroy every count is what it was.
# limit: 480
. "$(dirname "$0")/lib/host.sh"
run_inside lifecycle
