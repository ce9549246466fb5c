#!/bin/sh
# reasons.sh TABLE: the manual page pav-reasons(7), on standard output, from hypervisor/abi/reasons.h.
set -eu
cat <<'HEAD'
.TH PAV-REASONS 7 "" Pavane "Miscellaneous"
.SH NAME
pav\-reasons \- why the hypervisor refuses something
.SH DESCRIPTION
A hypercall that is refused returns an errno (or, operations on grants, a status), as the ABI of <xen/xen.h> has it.
Beside it the hypervisor records one of the reasons below: the last sixteen refusals of each domain, which
.B pav why
shows, with the number that each is about.
.B pav explain
says the same as this page.
.SH REASONS
HEAD
# A row is REASON(NAME, "what is wrong", "what to do"), over one or more lines.
{ echo '#define REASON(name, what, remedy) ROW #name what remedy'; cat "$1"; } | cpp -P -w - |
	tr '\n' ' ' | sed 's/ROW /\n/g' |
	sed -n 's/^"\([A-Z0-9_]*\)" "\([^"]*\)" "\([^"]*\)" *$/.TP\n.B \1\n\2.\n\3/p' | sed '/^\.[TB]/!s/-/\\-/g'
cat <<'FOOT'
.SH SEE ALSO
.BR pav (1)
FOOT
