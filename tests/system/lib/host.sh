# The host's half of a system test: starts the machine, gives the control domain a
# script of tests/system/inside/, and prints the results as they come.
# Sourced by tests/system/NAME.sh, whose head says "# limit: SECONDS".
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1
TOP=$PWD

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Answers what the control domain asks of the world outside QEMU.
answer_requests() { # answer_requests SHARE PORT
	local request
	if [ -e "$1/want-curl" ]; then
		rm "$1/want-curl"
		curl -s -S -m $((20 * ${TEST_SLOW:-1})) "http://127.0.0.1:$2/" >"$1/curl-page" 2>"$1/curl-error"
		echo $? >"$1/curl-status"
	fi
}

# run_inside NAME [MACHINE ARGUMENTS...]: exit status 0 if the script ran to its end; its
# own lines say what held.  LABEL names the machine's console log where a test starts several,
# FILES are put into the share beside the scripts.
run_inside() {
	local name=$1 limit port status start lines=0
	shift
	limit=$(($(sed -n 's/^# limit: //p' "$0") * ${TEST_SLOW:-1}))
	mkdir -p build/share build/logs/system
	share=$(mktemp -d "build/share/$name.XXXXXX")
	chmod 755 "$share"
	cp -r tests/system/inside/. build/tools/{nettool,fpucheck,clockcheck,calls32,await} ${FILES:-} "$share/"
	if [ -d tests/system/inputs ]; then cp -r tests/system/inputs "$share/"; fi
	: >"$share/results"
	echo $((limit - 40)) >"$share/limit"
	echo "${TEST_SLOW:-1}" >"$share/slow"
	port=$(free_port)
	console=build/logs/system/${LABEL:-$name}.console.log
	config/image/machine.sh -s "$share" -w "$port" -a "pav.script=$name.sh" "$@" </dev/null >"$console" 2>&1 &
	qemu=$!
	trap 'kill -9 ${qemu:-} 2>/dev/null; rm -rf "$share"' EXIT
	start=$SECONDS
	while kill -0 $qemu 2>/dev/null; do
		sleep 0.5
		answer_requests "$share" "$port"
		tail -n "+$((lines + 1))" "$share/results" >"$share/new"
		lines=$((lines + $(wc -l <"$share/new")))
		cat "$share/new"
		if [ $((SECONDS - start)) -gt $((limit - 10)) ]; then
			echo "FAILED still running after $((limit - 10)) s"
			kill -9 $qemu
			break
		fi
	done
	wait $qemu 2>/dev/null
	status=$?
	tail -n "+$((lines + 1))" "$share/results"
	if grep -q '^FAILED' "$share/results" || ! grep -aq '@@PAVANE-SCRIPT-ENDED status=0' "$console"; then
		grep -aq '@@PAVANE-SCRIPT-ENDED' "$console" ||
			echo "FAILED the machine ended before its script did (QEMU's exit status $status)"
		if [ -s "$share/detail" ]; then
			echo "--- what the control domain kept:"
			tail -n 60 "$share/detail" | sed 's/^/> /'
		fi
		echo "--- the machine's console ($console):"
		tail -n 25 "$console" | sed 's/^/> /'
		return 1
	fi
	if [ $status -ne 0 ]; then
		echo "FAILED the machine ended with QEMU's exit status $status"
		return 1
	fi
	return 0
}
