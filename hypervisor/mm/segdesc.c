/* Segment descriptors (Intel SDM vol. 3A, 3.4.5): only code and data, only for ring 3. */
#include "mm/segdesc.h"

#define DESC_ACCESSED (1ULL << 40)
#define DESC_S	      (1ULL << 44) /* code or data, not system */
#define DESC_DPL3     (3ULL << 45)
#define DESC_P	      (1ULL << 47)

bool segdesc_fix(uint64_t *desc)
{
	if (!(*desc & DESC_P)) {
		return true;
	}
	if (!(*desc & DESC_S)) {
		return false;
	}
	*desc |= DESC_DPL3 | DESC_ACCESSED;
	return true;
}
