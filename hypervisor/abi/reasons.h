/*
 * Every reason for which the hypervisor refuses something: its name, what is wrong, and what can be done about it.
 * Includers define REASON(name, what, remedy).  This table is the only place where they stand: from it come enum reason (reason.h), `pav explain`, and the manual
 * page pav-reasons(7).  Numbers are part of what is recorded, so new ones go to the end.
 *
 * "value" in a text is the number recorded with the refusal.
 */
/* clang-format off */
#ifdef REASON

/* --- any request --- */
REASON(BAD_ADDRESS, "an argument lies where the guest has no memory",
	"Pass the virtual address of mapped memory, writable if something is to be answered; value: the address.")
REASON(NO_SUCH_CALL, "there is no hypercall of this number",
	"Take the numbers from <xen/xen.h>; 32-bit and hardware-assisted guests are not served.")
REASON(NOT_IN_MULTICALL, "a multicall can not contain this hypercall",
	"Issue multicall and iret by themselves.")
REASON(NO_SUCH_OPERATION, "the hypercall serves no operation of this number",
	"Take the numbers from the public headers of interface 4.17.")
REASON(NOT_SERVED, "the ABI has this operation, but it is not served here",
	"Go on without it, as kernels do on machines that lack it; README, Limits, lists what is left out.")
REASON(NOT_PRIVILEGED, "only the control domain may ask for this",
	"Ask from the control domain.")
REASON(NO_HARDWARE, "only the domain that owns the devices may ask for this",
	"Ask from the control domain; guests get their devices through split drivers.")
REASON(NOT_CONTROLLED, "the caller has no power over the domain it names",
	"Name DOMID_SELF or, in the control domain, a guest; value: the domain.")
REASON(NO_SUCH_DOMAIN, "no domain has this identifier",
	"`pav list` shows those that there are; value: the identifier.")
REASON(NOT_UPON_ITSELF, "a domain can not do this to itself",
	"Name another domain.")
REASON(DOMAIN_DYING, "the domain is being torn down",
	"Nothing can be added to it any more; wait until `pav list` no longer shows it.")
REASON(INTERFACE_VERSION, "the caller speaks another version of this interface",
	"Build the tools against the headers of 4.17; value: the version that was asked for.")
REASON(BAD_FLAGS, "a flag is set that has no meaning here",
	"Clear what the public headers do not define; value: the flags.")
REASON(BAD_ARGUMENT, "a number is outside of what the operation allows",
	"The public headers say which numbers there are; value: the number.")
REASON(NO_HEAP, "the hypervisor has no memory left for its own records",
	"Destroy a guest, or give the control domain less with dom0_mem.")
REASON(LIST_TOO_LONG, "more items than one request may have",
	"Ask in several requests; value: the number of items.")
REASON(STARTS_IN_THE_MIDDLE, "a list is to be gone on with where it has no such place",
	"Only the hypervisor itself makes requests that go on; begin at item 0.")

/* --- frames --- */
REASON(NO_SUCH_FRAME, "no memory of the machine has this frame number",
	"Machine frames come from the start info, memory_op or grants, and end below the M2P's size; value: the frame.")
REASON(FRAME_NOT_OWNED, "the frame is not the domain's, or it has given it up",
	"Use frames that the domain owns; another's can be mapped only by grant; value: the frame.")
REASON(FRAME_OTHER_USE, "the frame is in use as something else",
	"A page table or descriptor table can not be mapped writable, nor the other way round: drop the other use first; value: the frame.")
REASON(FRAME_IN_USE, "the frame is mapped or used somewhere",
	"Remove all mappings of it, pins and grants first; value: the frame.")
REASON(DEVICE_MEMORY, "the frame is device memory that the domain may not map",
	"Only the owner of the devices maps them, and never the hypervisor's own; value: the frame.")
REASON(MEMORY_LIMIT, "the domain would have more memory than its limit",
	"Give back memory first, or raise `memory` of the domain; value: frames asked for.")
REASON(NO_FREE_FRAMES, "the machine has no free memory of this size and place",
	"Destroy or shrink a guest (`pav info` shows what is free), ask for smaller blocks, or lift the address limit.")
REASON(BAD_CLAIM, "the claim is more than the domain's limit, or no more than it has",
	"Claim a total between what it has and its limit, or 0 to give the claim up; value: the claim.")
REASON(EXTENT_TOO_LARGE, "blocks of this size are not given to this domain",
	"Ask for smaller extents; value: the order.")
REASON(UNEVEN_EXCHANGE, "the two lists of an exchange do not amount to the same",
	"Both sides name the same domain and the same number of frames, in whole blocks.")
REASON(NO_MEMORY_MAP, "no memory map was set for the domain",
	"The guest makes its own from the start info.")

/* --- page tables --- */
REASON(ENTRY_BITS, "the entry has bits that a guest may not set",
	"Superpages, and bits 59-62 (52-62 above the lowest level) are refused; value: the entry.")
REASON(HYPERVISOR_SLOT, "the entry belongs to the hypervisor's part of the address space",
	"Slots 256 to 271 of an L4 are not the guest's; value: the slot or address.")
REASON(NOT_PINNED, "the table is not pinned",
	"Unpin once for each pin; value: the frame.")
REASON(ALREADY_PINNED, "the table is pinned already",
	"Unpin it before it is pinned again; value: the frame.")
REASON(NO_BASE, "a guest kernel always needs page tables",
	"Name the frame of an L4 that can be validated.")
REASON(NOT_MAPPED, "no page table has an entry for this address",
	"Build the tables down to the lowest level first; value: the address.")

/* --- processors, traps, segments --- */
REASON(NO_SUCH_VCPU, "the domain has no vCPU of this number",
	"Numbers begin at 0; `vcpus` of the domain says how many there are; value: the number.")
REASON(VCPU_HAS_CONTEXT, "the vCPU was given its context already",
	"Take it down and up again instead; value: the vCPU.")
REASON(VCPU_NO_CONTEXT, "the vCPU has no context yet",
	"VCPUOP_initialise or setvcpucontext comes first; value: the vCPU.")
REASON(OTHER_VCPU, "a vCPU may ask this only for itself",
	"Ask from the vCPU itself; value: the vCPU that was named.")
REASON(VCPU_AT_WORK, "the vCPU's page can not change places: it did so already, or the vCPU is up",
	"Register it once, from the vCPU itself or before it is brought up; value: the vCPU.")
REASON(BAD_CONTEXT, "the context names an address or table size that no vCPU can have",
	"Addresses must be canonical, descriptor tables 14 pages at most, and the mode it starts in needs page tables.")
REASON(NOT_CANONICAL, "the address is not canonical",
	"Bits 47 to 63 must be equal; value: the address.")
REASON(BAD_DESCRIPTOR, "a descriptor gives more rights than a guest may have, or is none",
	"Code and data of rings 1 to 3, no gates into the hypervisor; value: the frame, address or descriptor.")
REASON(TABLE_SIZE, "the descriptor table is larger than there is room for, or misplaced",
	"The GDT has 14 pages, the LDT 8192 entries, page-aligned; value: the number of entries.")
REASON(BAD_DEBUG_REGISTER, "there is no such debug register, or it may not hold this",
	"Breakpoints lie below the hypervisor, and without I/O breakpoints or general detect; value: the register or its content.")
REASON(NO_SUCH_CALLBACK, "there is no callback of this kind",
	"Take the kinds from <xen/callback.h>; value: the kind.")
REASON(CALLBACK_NEEDED, "a guest can not be without this callback",
	"Register another in its place; value: the kind.")
REASON(FLUSH_SELF_ONLY, "this operation is about the caller's own address space",
	"Only pins, clearing and copying can name another domain.")
REASON(NO_CACHE_CONTROL, "only the domain that owns the devices may flush caches",
	"Guests without devices never need to.")

/* --- scheduling and time --- */
REASON(BAD_PERIOD, "the period is too short or too long",
	"1 ms to a day; value: the period in ns.")
REASON(TIME_PASSED, "the time lies in the past",
	"Ask without VCPU_SSHOTTMR_future to get the timer at once; value: the time in ns.")
REASON(BAD_SHUTDOWN_CODE, "there is no such shutdown code",
	"Take it from <xen/sched.h>; value: the code.")
REASON(NO_CPU_IN_MASK, "none of the CPUs named is there",
	"`pav info` shows how many there are; value: the mask.")
REASON(NOT_PAUSED, "the domain is not paused",
	"Unpause once for each pause.")
REASON(NO_SUCH_POLICY, "the scheduler is another, or has no such parameter",
	"The policy is credit: weights, and no caps; value: what was asked for.")

/* --- domains --- */
REASON(DOMAIN_EXISTS, "a domain has this identifier already",
	"Let the hypervisor choose one (0xffff... of the headers: DOMID_INVALID); value: the identifier.")
REASON(BAD_DOMAIN_ID, "the identifier is reserved",
	"Identifiers end below 0x7ff0; value: the identifier.")
REASON(NO_FREE_DOMAIN_ID, "all identifiers are taken",
	"Destroy a guest.")
REASON(NOT_PARAVIRTUAL, "only plain 64-bit paravirtual guests are served",
	"Ask for no hardware assistance, IOMMU, tracing or emulated devices; value: the flags.")
REASON(TOO_MANY_VCPUS, "a domain has 1 to 32 vCPUs",
	"Choose `vcpus` within that; value: the number.")
REASON(GRANT_LIMITS, "the limits for grants are more than a domain can have",
	"See GRANT_DEFAULT in the toolstack; value: the limit.")
REASON(NO_SUCH_POOL, "there is one pool of CPUs, number 0",
	"Name pool 0; value: the pool.")
REASON(CONTROL_DOMAIN, "the control domain can not be torn down",
	"Shut the machine down instead.")
REASON(NO_DEVICES, "guests are not given devices, ports or interrupts of the machine",
	"Use the split drivers: `disk` and `net` of the domain.")

/* --- interrupts and devices --- */
REASON(NO_SUCH_LINE, "there is no such interrupt line",
	"Lines are those of the machine's IO-APICs; value: the line.")
REASON(NO_SUCH_PIRQ, "there is no such physical interrupt of the domain",
	"Map it first; value: the number.")
REASON(PIRQ_TAKEN, "the interrupt, or its number, is in use",
	"Unmap it first, or let the hypervisor choose the number; value: the number.")
REASON(NO_FREE_INTERRUPT, "no number or vector is left for another interrupt",
	"Unmap interrupts that are not used, or ask for fewer at once.")
REASON(NO_SUCH_DEVICE, "no PCI device answers there, or it lacks this capability",
	"`lspci` shows what there is; value: bus and function.")
REASON(BAD_MESSAGE, "the device does not have this message interrupt",
	"Ask for no more than its capability says, in a power of two; value: entry or count.")
REASON(DEVICE_ASLEEP, "the device's memory is switched off",
	"Enable memory decoding in its command register first.")
REASON(NO_FIRMWARE_INFO, "the firmware left no such information",
	"Go on without it.")
REASON(NO_SLEEP, "the machine can be powered off, but not put to sleep",
	"Use power-off (S5); value: the state.")
REASON(NO_BUILD_ID, "the hypervisor carries no build identifier",
	"`xen_version` extraversion and changeset identify it.")
REASON(CONSOLE_NOT_YOURS, "the machine's console belongs to the control domain",
	"A guest's console is the ring named in its start info.")

/* --- grants --- */
REASON(BAD_GRANT, "the grant does not allow this",
	"The granting domain must have given access to this domain, for this kind of use; value: the reference.")
REASON(BAD_HANDLE, "there is no mapping of this handle",
	"Handles come from map_grant_ref and end with its unmap; value: the handle.")
REASON(GRANT_IN_USE, "the grant is in use",
	"Have the other domain unmap it first; value: the reference.")
REASON(GRANT_VERSION, "grant tables of this version are not to be had, or the change is not possible now",
	"Use version 1 or 2, and change only while no grant is in use; value: the version.")
REASON(GRANT_TABLE_FULL, "the domain's limit of grant or mapping frames is reached",
	"Raise the limits with which the domain was made; value: frames asked for.")
REASON(BAD_COPY_AREA, "a grant copy reaches beyond its page",
	"Offset and length together stay within one page, and within what a sub-page grant gives; value: offset and length.")
REASON(GRANT_MAP_PLACE, "a grant can not be mapped, or unmapped, there",
	"Name an L1 entry, or an address that has one, of the calling domain; it must hold that very mapping when it is unmapped; value: the address.")
REASON(NO_GRANT_TRANSFER, "frames are not transferred by grant",
	"Copy, or grant and map.")

/* --- event channels --- */
REASON(NO_SUCH_PORT, "there is no such event channel of the domain",
	"Ports come from the allocating and binding operations; value: the port.")
REASON(PORT_STATE, "the event channel is not in the state that this needs",
	"See EVTCHNOP_status; value: the port.")
REASON(NO_FREE_PORT, "the domain has no free event channel",
	"Close some, or raise its limit (event array, max_evtchn).")
REASON(PORT_NOT_FOR_YOU, "the event channel was not opened for this domain",
	"alloc_unbound names who may bind; value: the port.")
REASON(NO_SUCH_VIRQ, "there is no such virtual interrupt, or it is bound elsewhere",
	"Global ones belong to the control domain and to vCPU 0; value: the virtual interrupt.")
REASON(VIRQ_BOUND, "the virtual interrupt is bound already",
	"Close the event channel it is bound to; value: the virtual interrupt.")
REASON(EVENT_ARRAY, "the event array or control block can not be placed there, or is there already",
	"A frame of the guest's own, each once, and not beyond the limit; value: the frame.")

/* --- watchdogs --- */
REASON(NO_WATCHDOG, "the domain has no such watchdog, or can have no more",
	"Two at most: set one up, and poke that, by the number it then has; value: the number.")
#endif
/* clang-format on */
