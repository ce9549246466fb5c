# The control domain's half of a system test.  Sourced by the scripts beside it, which
# run in the control domain's bash.  Each check is one line, with its figures.
RESULTS=/share/results
DETAIL=/share/detail
failures=0
SLOW=$(cat /share/slow 2>/dev/null || echo 1)
cp /share/await /tmp/await
pav check /etc/pavane/examples/debian.pav >/dev/null 2>&1 || USE_JSON=1
KERNEL=$(cat /srv/kernel-version)

ok() { printf 'ok %s\n' "$*" | tee -a $RESULTS; }
bad() {
	printf 'FAILED %s\n' "$*" | tee -a $RESULTS
	failures=$((failures + 1))
}
detail() { printf '%s\n' "$*" >>$DETAIL; }
# check TEXT COMMAND...: ok if the command succeeds; what it prints is kept if not.
check() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$text"
	else
		bad "$text"
		detail "$text: $out"
	fi
}
same() { # same TEXT WANTED GOT
	if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: wanted '$2', got '$3'"; fi
}
finish() {
	if [ $failures -gt 0 ]; then
		{
			pav list 2>&1
			for f in /var/log/pavane/*.log /var/log/pavane/console/*.log; do
				[ -s "$f" ] && { echo "== $f"; tail -n 25 "$f"; }
			done
			dmesg | tail -n 15
		} >>$DETAIL 2>&1
	fi
	[ $failures -eq 0 ]
	exit
}
# When the time is nearly up, say where everything stands.
if [ -s /share/limit ]; then
	(
		sleep "$(cat /share/limit)"
		detail "--- time is up; where things stand:"
		{ pav list; ps -o pid,stat,args | grep -v '\['; tail -n 15 /var/log/pavane/*.log /var/log/pavane/console/*.log; } >>$DETAIL 2>&1
	) &
fi
now() { printf '%d' $SECONDS; }

# --- guests ---------------------------------------------------------------------

# spec NAME [KEY=VALUE...]: writes /run/NAME.pav.  Keys: mem vcpus root disk (NAME=PATH[:ro],
# may repeat) nic (a MAC address or "auto", may repeat) words kernel ramdisk crash.
# norandmaps: see config/image/machine.sh.
spec() {
	local name=$1 mem=384MiB vcpus=1 root=/dev/vda words='' kernel=/srv/vmlinuz ramdisk=/srv/initrd
	local disks='' nics='' jdisks='' jnics='' n=0 kv v crash=preserve
	shift
	for kv in "$@"; do
		v=${kv#*=}
		case $kv in
		mem=*) mem=$v ;;
		vcpus=*) vcpus=$v ;;
		root=*) root=$v ;;
		words=*) words=$v ;;
		kernel=*) kernel=$v ;;
		ramdisk=*) ramdisk=$v ;;
		crash=*) crash=$v ;;
		disk=*:ro) v=${v%:ro} jdisks+=",{\"vdev\":\"${v%%=*}\",\"path\":\"${v#*=}\",\"readonly\":true}" disks+="  disk ${v%%=*} { file \"${v#*=}\"; readonly }"$'\n' ;;
		disk=*) jdisks+=",{\"vdev\":\"${v%%=*}\",\"path\":\"${v#*=}\",\"readonly\":false}" disks+="  disk ${v%%=*} { file \"${v#*=}\" }"$'\n' ;;
		nic=auto) jnics+=",{\"name\":\"eth$n\",\"bridge\":\"br0\"}" nics+="  nic eth$n { bridge \"br0\" }"$'\n' n=$((n + 1)) ;;
		nic=*) jnics+=",{\"name\":\"eth$n\",\"bridge\":\"br0\",\"mac\":\"$v\"}" nics+="  nic eth$n { bridge \"br0\"; mac \"$v\" }"$'\n' n=$((n + 1)) ;;
		esac
	done
	json_spec
	[ -n "$root" ] && disks="  disk xvda { file \"$root\" }"$'\n'"$disks"
	cat >"/run/$name.pav" <<X
domain $name {
  memory  $mem
  vcpus   $vcpus
  kernel  "$kernel"
  ramdisk "$ramdisk"
  cmdline "root=/dev/xvda rw console=hvc0 loglevel=4 norandmaps hostname=$name $words"
$disks$nics  on poweroff { destroy }
  on reboot   { restart }
  on crash    { $crash }
}
X
}

# The same as JSON, from spec's variables.
json_spec() {
	local bytes=${mem%MiB} all=$jdisks
	[ "$bytes" = "$mem" ] && bytes=$((${mem%GiB} * 1024))
	bytes=$((bytes << 20))
	[ -n "$root" ] && all=",{\"vdev\":\"xvda\",\"path\":\"$root\",\"readonly\":false}$jdisks"
	cat >"/run/$name.json" <<X
{"name":"$name","memory":$bytes,"memory_max":$bytes,"vcpus":$vcpus,"vcpus_max":$vcpus,
"kernel":"$kernel","ramdisk":"$ramdisk","cmdline":"root=/dev/xvda rw console=hvc0 loglevel=4 norandmaps hostname=$name $words",
"on_poweroff":"destroy","on_reboot":"restart","on_crash":"$crash","disks":[${all#,}],"nics":[${jnics#,}]}
X
}

# create NAME: from its spec, by the language (or, on a toolstack without it, as JSON).
create() {
	if [ -e "/run/$1.json" ] && [ -n "${USE_JSON:-}" ]; then
		pav create --json "/run/$1.json"
	else
		pav create "/run/$1.pav"
	fi
}

# A console held open for typing; what the guest says is read from the log that the
# console daemon keeps from the first byte.
clog() { echo "/var/log/pavane/console/$1.log"; }
console_open() {
	local out=/run/console.$1
	rm -f "$out.in" "$out"
	mkfifo "$out.in"
	pav console "$1" <"$out.in" >"$out" 2>&1 &
	eval "console_pid_$1=\$!"
	eval "exec {console_fd_$1}>'$out.in'"
}
console_close() {
	local fd pid
	eval "fd=\${console_fd_$1:-} pid=\${console_pid_$1:-}"
	[ -n "$fd" ] && eval "exec $fd>&-"
	[ -n "$pid" ] && kill "$pid" 2>/dev/null
	eval "unset console_fd_$1 console_pid_$1"
}
console_send() {
	local fd
	eval "fd=\$console_fd_$1"
	printf '%s' "$2" >&"$fd"
}
# await NAME REGEX SECONDS: until the console's text from $mark on matches.
mark=0
await() {
	/tmp/await "$(clog "$1")" "$mark" "$2" $(($3 * SLOW)) && return
	detail "$1: no /$2/ on the console within $3 s; its end:" "$(tail -c 600 "$(clog "$1")")"
	return 1
}
set_mark() { mark=$(stat -c %s "$(clog "$1")" 2>/dev/null || echo 0); }

# start NAME [SECONDS]: creates from /run/NAME.pav, waits for the login prompt.
start() {
	set_mark "$1"
	create "$1" >"/run/$1.create" 2>&1 || {
		detail "create $1: $(cat "/run/$1.create")"
		return 1
	}
	console_open "$1"
	await "$1" 'login: ' "${2:-150}"
}
# login NAME: a shell on the console, with a prompt of our own.
login() {
	set_mark "$1"
	console_send "$1" $'root\r'
	await "$1" 'Password: ' 60 || return 1
	sleep 0.5
	set_mark "$1"
	console_send "$1" $'pavane\r'
	await "$1" '# $' 60 || return 1
	set_mark "$1"
	console_send "$1" $'exec sh\r'
	sleep 0.5
	console_send "$1" $'stty -echo; PS1=; echo @@in$((1))\r'
	await "$1" '@@in1' 30
}
# guest NAME COMMAND [SECONDS]: runs it in the guest's shell; prints what it printed.
guest() {
	/tmp/await -c "/run/console.$1.in" "/var/log/pavane/console/$1.log" "$2" $((${3:-60} * SLOW))
}
guest_bg() { # guest_bg NAME COMMAND: started, not waited for
	console_send "$1" "( ($2) & )"$'\r'
}
# up NAME [SECONDS]: created, booted, logged in.
up() { start "$1" "${2:-150}" && login "$1"; }
gone() { # gone NAME SECONDS: until it is no longer listed
	local end=$(($(now) + $2 * SLOW))
	while pav list 2>/dev/null | grep -q "^$1 "; do
		[ "$(now)" -ge $end ] && return 1
		sleep 0.5
	done
	console_close "$1"
}
state_of() { pav list | awk -v n="$1" '$1 == n || $2 == n { print $0 }'; }
address_of() { # address_of MAC: what DHCP gave it
	awk -v m="$1" 'tolower($2) == m { print $3 }' /run/dnsmasq.leases
}
