/* The system call filter: what a backend may still do, and that anything else ends it. */
#include "backends/common/run.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/grant_table.h>

#include <linux/if_tun.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

/* In a process of its own behind the filter; 0 if it went on, else the signal that ended it. */
static int filtered(long nr, unsigned long a, unsigned long b)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		run_filter_syscalls(NULL, 0);
		syscall(nr, a, b, 0);
		syscall(SYS_exit_group, 0);
	}
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* The descriptor is no descriptor: the filter looks at the number of the request alone. */
static int request(unsigned long nr)
{
	return filtered(SYS_ioctl, (unsigned long)-1, nr);
}

Test(run, serving_goes_on)
{
	cr_assert_eq(filtered(SYS_read, (unsigned long)-1, 0), 0);
	cr_assert_eq(request(IOCTL_EVTCHN_BIND_INTERDOMAIN), 0);
	cr_assert_eq(request(IOCTL_EVTCHN_UNBIND), 0);
	cr_assert_eq(request(IOCTL_EVTCHN_NOTIFY), 0);
	cr_assert_eq(request(IOCTL_GNTDEV_MAP_GRANT_REF), 0);
	cr_assert_eq(request(IOCTL_GNTDEV_UNMAP_GRANT_REF), 0);
	cr_assert_eq(request(IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR), 0);
	cr_assert_eq(request(IOCTL_GNTDEV_GRANT_COPY), 0);
	cr_assert_eq(request(TUNSETOFFLOAD), 0);
	cr_assert_eq(request(TUNSETCARRIER), 0);
}

Test(run, other_requests_end_it)
{
	cr_assert_eq(request(IOCTL_EVTCHN_BIND_VIRQ), SIGSYS);
	cr_assert_eq(request(IOCTL_EVTCHN_BIND_UNBOUND_PORT), SIGSYS);
	cr_assert_eq(request(IOCTL_GNTDEV_SET_UNMAP_NOTIFY), SIGSYS);
	cr_assert_eq(request(TUNSETIFF), SIGSYS);
	cr_assert_eq(request(TIOCSTI), SIGSYS);
	cr_assert_eq(request(FIONREAD), SIGSYS);
}

/* What the kernel does not look at must not open a way around. */
Test(run, the_upper_half_of_a_request_does_not_count)
{
	cr_assert_eq(request(IOCTL_EVTCHN_NOTIFY | 5ul << 32), 0);
	cr_assert_eq(request(TIOCSTI | 5ul << 32), SIGSYS);
}

Test(run, other_calls_end_it)
{
	cr_assert_eq(filtered(SYS_openat, (unsigned long)-1, 0), SIGSYS);
	cr_assert_eq(filtered(SYS_execve, 0, 0), SIGSYS);
	cr_assert_eq(filtered(SYS_socket, 1, 1), SIGSYS);
}
