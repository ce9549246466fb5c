/*
 * What the domain builder needs to know of a kernel: where its segments go and
 * what its Xen ELF notes ask for.  The file is not trusted: every offset is
 * checked, and a struct elfnotes that was filled in holds only ranges that lie
 * inside the file and a memory image whose addresses don't wrap.
 */
#ifndef PAVANE_BUILD_ELFNOTES_H
#define PAVANE_BUILD_ELFNOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELFNOTES_MAX_SEGMENTS 16

struct elfnotes_segment {
	uint64_t offset; /* in the file */
	uint64_t file_size;
	uint64_t paddr;	   /* pseudo-physical, the notes' PADDR_OFFSET already taken off */
	uint64_t mem_size; /* >= file_size; the rest is zero */
};

struct elfnotes {
	struct elfnotes_segment segments[ELFNOTES_MAX_SEGMENTS];
	unsigned int segment_count;
	uint64_t paddr_start, paddr_end; /* the whole image, end exclusive */

	uint64_t virt_base; /* virtual address of pseudo-physical 0 */
	uint64_t virt_entry;
	bool has_hypercall_page;
	uint64_t hypercall_page; /* virtual */
	bool has_init_p2m;
	uint64_t init_p2m;  /* virtual */
	bool mod_start_pfn; /* the ramdisk need not be mapped */
	char guest_os[32];
};

/* Reads the headers and notes of an ELF file of len bytes; 0, or -1 and a sentence without the file's name. */
int elfnotes_read(const void *file, size_t len, struct elfnotes *out, char **err);

#endif
