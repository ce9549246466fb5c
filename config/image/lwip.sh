#!/bin/bash
# The TCP/IP stack of the mini-guests: Debian's source package of lwIP, checked by apt against the signed
# index, in build/image/lwip/.  The package of the library, liblwip-dev, will not do: it has only a shared object,
# compiled for a process: it has threads and system calls below it, keeps a red zone under the stack, which an
# event would overwrite, and uses vector registers.  Nothing is installed on this machine, and its list of
# package sources stays as it is.
cd "$(dirname "$0")/../.."
. config/image/lib.sh

need_lists
new=$IMAGE/lwip.new
rm -rf "$new"
mkdir -p "$new/deb"
sources=$(apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
	grep ' main$') || fail "apt knows no place to take packages from"
private_apt "$new" "$sources" build/logs/lwip.log || fail "no list of sources; see build/logs/lwip.log"
(cd "$new/deb" && apt-get "${APT[@]}" --download-only source lwip) >>build/logs/lwip.log 2>&1 ||
	fail "could not download lwIP; see build/logs/lwip.log"
xz -dc "$new"/deb/lwip_*.orig.tar.xz | tar -x -C "$new" --strip-components=1
[ -s "$new/src/core/tcp.c" ] || fail "the source package of lwIP is not as expected"
rm -rf "$new"/{lists,cache,sources.list} "$IMAGE/lwip"
mv "$new" "$IMAGE/lwip"
say "lwIP $(basename "$IMAGE"/lwip/deb/*.dsc .dsc): ready"
