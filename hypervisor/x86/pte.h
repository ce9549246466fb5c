/* Page-table entry bits and the address-space layout.  Pure: used on the host too. */
#ifndef PAVANE_X86_PTE_H
#define PAVANE_X86_PTE_H

#define PTE_P	  0x001ULL
#define PTE_RW	  0x002ULL
#define PTE_US	  0x004ULL
#define PTE_PWT	  0x008ULL
#define PTE_PCD	  0x010ULL
#define PTE_A	  0x020ULL
#define PTE_D	  0x040ULL
#define PTE_PS	  0x080ULL /* L2/L3; PAT in L1 */
#define PTE_PAT	  0x080ULL
#define PTE_G	  0x100ULL
#define PTE_AVAIL 0xe00ULL
#define PTE_GNTTAB \
	(1ULL << 62) /* software bit: this L1 entry is a grant mapping; guests may not set it */
#define PTE_NX	       (1ULL << 63)
#define PTE_ADDR       0x000ffffffffff000ULL

#define PTE_MFN(e)     mfn(((e)&PTE_ADDR) >> 12)
#define L1_INDEX(va)   (((va) >> 12) & 511)
#define L2_INDEX(va)   (((va) >> 21) & 511)
#define L3_INDEX(va)   (((va) >> 30) & 511)
#define L4_INDEX(va)   (((va) >> 39) & 511)

/* A page fault's error code. */
#define PF_PRESENT     1u
#define PF_WRITE       2u
#define PF_USER	       4u

/* L4 slots 256..271 are the hypervisor's in every address space. */
#define HV_FIRST_SLOT  256
#define HV_LAST_SLOT   271
#define HV_START       0xffff800000000000ULL /* slot 256: M2P, read-only to guests */
#define HV_END	       0xffff880000000000ULL /* one past slot 271 */
#define RO_M2P_BASE    0xffff800000000000ULL
#define PERDOMAIN_BASE 0xffff820000000000ULL /* slot 260: descriptor tables of the domain's vCPUs */
#define PERDOMAIN_SLOT 260
#define IMAGE_BASE     0xffff82d000000000ULL /* slot 261: the hypervisor's image */
#define FIXMAP_BASE    0xffff82e000000000ULL /* slot 261: device registers (ioremap) */
#define DIRECTMAP_BASE 0xffff830000000000ULL /* slots 262..271: all RAM, 5 TiB */

static inline int va_canonical(unsigned long va)
{
	return (long)(va << 16) >> 16 == (long)va;
}

#endif
