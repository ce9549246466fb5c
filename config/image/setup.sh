#!/bin/bash
# Installs the packages of config/packages.list that are missing, and nothing
# else: a second run installs nothing, asks nothing and needs no network.
# Needs root, or sudo that does not ask.
set -euo pipefail
cd "$(dirname "$0")/../.."

mapfile -t wanted < <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' config/packages.list)
mapfile -t missing < <(
	comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
			sed -n 's/^installed //p' | sort -u))
[ ${#missing[@]} -eq 0 ] && exit 0

echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! sudo -n true 2>/dev/null; then
		echo "setup: needs root or a sudo that does not ask; or install by hand:" >&2
		echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo -n)
fi
log=build/logs/setup.log
mkdir -p build/logs
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 || {
		tail -20 "$log" >&2
		echo "setup: apt-get $1 failed; the whole log is in $log" >&2
		exit 1
	}
}
: >"$log"
echo "setup: reading package lists"
apt update
echo "setup: downloading and unpacking (a few minutes the first time)"
apt install --no-install-recommends "${missing[@]}"
echo "setup: done"
