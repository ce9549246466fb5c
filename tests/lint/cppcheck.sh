#!/bin/bash
# limit: 600
# Static analysis.  The suppressions are classes that do not fit C of this kind;
# single places are suppressed in the source, with the reason beside them.
cd "$(dirname "$0")/../.." || exit 1
command -v cppcheck >/dev/null || exit 77
mkdir -p build/cppcheck
# Tests are left out: Criterion's macros are beyond the analyser.
tests/lint/sources.sh c | grep -v -e '^tests/' | grep '\.c$' >build/cppcheck.list
if ! [ -s build/cppcheck.list ]; then
	exit 77
fi
exec cppcheck --quiet -j "$(nproc)" --cppcheck-build-dir=build/cppcheck \
	--enable=warning,portability --inline-suppr --error-exitcode=1 \
	--std=c11 --platform=unix64 -D__x86_64__ -D__GNUC__=12 \
	-I. -Ihypervisor -Ifrontends \
	--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
	--suppress=unmatchedSuppression --suppress=normalCheckLevelMaxBranches \
	--suppress=preprocessorErrorDirective --suppress=ctunullpointer --suppress=nullPointerArithmetic \
	--suppress=arithOperationsOnVoidPointer --suppress=pointerOutOfBoundsCond \
	--suppress=comparePointers --suppress=subtractPointers \
	--file-list=build/cppcheck.list
