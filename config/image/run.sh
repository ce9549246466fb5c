#!/bin/bash
# `make run`: hypervisor, control domain and a Debian guest in QEMU, on this terminal.
# Everything is built when this starts.  What the guest writes stays in build/run/;
# remove that folder for a fresh guest.
#
#   PORT=8080               the loopback port that leads to the guest's web server
#   PAVANE_HYPERVISOR=FILE  another hypervisor of the same ABI
cd "$(dirname "$0")/../.." || exit 1
port=${PORT:-8080}
mkdir -p build/run
if ! [ -e build/run/guest.img ]; then
	cp --sparse=always build/image/guest.img build/run/guest.img.new
	mv build/run/guest.img.new build/run/guest.img
fi
# A port somebody else has is not worth failing for.
while (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; do port=$((port + 1)); done
cat <<X

  Starting Pavane in QEMU: hypervisor, control domain, then the guest of
  config/examples/debian.pav.  Without hardware help this takes about a minute.

    log in to the guest     root, password pavane
    Ctrl-]                  from the guest's console to the control domain's shell
    Ctrl-a x                ends the machine
    http://127.0.0.1:$port/  the guest's web server, from this machine

X
exec config/image/machine.sh -p -w "$port" -a "pav.run=1"
