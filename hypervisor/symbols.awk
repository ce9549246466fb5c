# nm -n of the linked image in, assembly of struct symbols (lib/symbols.h) out.  Addresses keep their
# lower half; names lose what link-time optimisation adds to tell namesakes apart.  Of several names
# for one address the last stands; labels of the linker script are nobody's name.
$2 !~ /^[tTwW]$/ || $3 ~ /^(text|image|stubs)_(start|end)$/ || $1 ~ /^0000/ { next }
{
	at = substr($1, 9)
	if (at != last) {
		n++
	}
	last = at
	start[n] = at
	sub(/(\.lto_priv\.[0-9]+)+$/, "", $3)
	name[n] = $3
}
END {
	print ".long " n + 0
	for (i = 1; i <= n; i++) {
		print ".long 0x" start[i]
	}
	for (i = 1; i <= n; i++) {
		print ".asciz \"" name[i] "\""
	}
	# Room that was set aside for it; the assembler says so if it has become too little.
	print ".org " size
}
