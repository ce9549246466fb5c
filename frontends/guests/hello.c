/* The smallest guest: says who it is and how much it has, and goes. */
#include "frontends/rt/rt.h"

#include <xen/version.h>

enum verdict guest_main(void)
{
	print("hello from %s domain, %lu KiB, hypervisor %#lx, time %lu ns, told '%s'\n",
	      is_control_domain() ? "the control" : "a guest", start_info->nr_pages * 4,
	      (unsigned long)version_op(XENVER_version, NULL), system_time(),
	      (const char *)start_info->cmd_line);
	return SUCCESS;
}
