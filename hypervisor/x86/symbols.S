/* Room for the table of functions, struct symbols, which the build fills in once it has linked the rest. */
	.section .symbols, "a"
	.balign 8
	.globl symbol_table
symbol_table:
	.skip SYMBOLS_SIZE
