/*
 * What Multiboot 1 and 2 loaders say, turned into the one struct bootinfo.
 * The loader's data lie in the first 4 GiB, which head.S has mapped; they are
 * copied here before anything may overwrite them.
 */
#include "x86/boot/mb.h"

#include "lib/args.h"
#include "lib/string.h"
#include "x86/bootinfo.h"
#include "x86/pte.h"

struct bootinfo bootinfo;

static char strings[8192];
static size_t strings_used;

static const void *low(uint32_t p)
{
	return (const void *)(DIRECTMAP_BASE + p);
}

/* Keeps a string; too long ones are cut. */
static const char *keep(const char *s, size_t max)
{
	char *out = strings + strings_used;
	size_t room = sizeof(strings) - strings_used, n = 0;

	while (n + 1 < room && n < max && s[n]) {
		out[n] = s[n];
		n++;
	}
	if (room == 0) {
		return "";
	}
	out[n] = 0;
	strings_used += n + 1;
	return out;
}

static void add_range(uint64_t addr, uint64_t size, uint32_t type)
{
	if (bootinfo.e820_count < ARRAY_SIZE(bootinfo.e820) && size) {
		bootinfo.e820[bootinfo.e820_count++] = (struct e820){ addr, size, type };
	}
}

/* Only Multiboot 1 has the file's name first; and GRUB 2 (not "GRUB 0.97") leaves it out there too. */
static bool names_first(const char *loader)
{
	const char *grub = strstr(loader, "GRUB ");

	return !grub || grub[5] == '0';
}

static const char *keep_arguments(const char *s, bool named)
{
	return keep(args_of_loader(s, named), 2048);
}

static void add_module(uint32_t start, uint32_t end, const char *cmdline, bool named)
{
	if (bootinfo.module_count < ARRAY_SIZE(bootinfo.module) && start < end) {
		bootinfo.module[bootinfo.module_count++] =
			(struct boot_module){ start, end, keep_arguments(cmdline, named) };
	}
}

struct mb1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader;
};
struct mb1_module {
	uint32_t start, end, string, reserved;
};
struct mb1_range {
	uint32_t size;
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

static void read_mb1(const struct mb1_info *mb)
{
	const struct mb1_module *m = low(mb->mods_addr);
	uint32_t off = 0;
	bool named;

	bootinfo.loader = (mb->flags & (1u << 9)) ? keep(low(mb->loader), 64) : "?";
	named = names_first(bootinfo.loader);
	bootinfo.cmdline = (mb->flags & (1u << 2)) ? keep_arguments(low(mb->cmdline), named) : "";
	if (mb->flags & (1u << 3)) {
		for (uint32_t i = 0; i < mb->mods_count; i++) {
			add_module(m[i].start, m[i].end, m[i].string ? low(m[i].string) : "",
				   named);
		}
	}
	if (mb->flags & (1u << 6)) {
		while (off + sizeof(struct mb1_range) <= mb->mmap_length) {
			const struct mb1_range *r = low(mb->mmap_addr + off);

			add_range(r->addr, r->len, r->type);
			off += r->size + 4;
		}
	}
}

struct mb2_tag {
	uint32_t type, size;
};
struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
	char cmdline[];
};
struct mb2_mmap {
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
};
struct mb2_range {
	uint64_t addr, len;
	uint32_t type, zero;
};

static void read_mb2_mmap(const struct mb2_mmap *t)
{
	if (t->entry_size < sizeof(struct mb2_range)) {
		return;
	}
	for (uint32_t off = sizeof(*t); off + t->entry_size <= t->tag.size; off += t->entry_size) {
		const struct mb2_range *r = (const void *)((const char *)t + off);

		add_range(r->addr, r->len, r->type);
	}
}

static void read_mb2(uint32_t info)
{
	const uint32_t *head = low(info);
	uint32_t total = head[0];

	bootinfo.loader = "?";
	bootinfo.cmdline = "";
	for (uint32_t off = 8; off + sizeof(struct mb2_tag) <= total;) {
		const struct mb2_tag *t = low(info + off);

		if (t->type == 0 || t->size < sizeof(*t)) {
			break;
		}
		switch (t->type) {
		case 1:
			bootinfo.cmdline = keep_arguments((const char *)(t + 1), false);
			break;
		case 2:
			bootinfo.loader = keep((const char *)(t + 1), 64);
			break;
		case 3: {
			const struct mb2_module *m = (const void *)t;

			add_module(m->start, m->end, m->cmdline, false);
			break;
		}
		case 6:
			read_mb2_mmap((const void *)t);
			break;
		case 14:
		case 15: /* a copy of the RSDP itself: give its place */
			bootinfo.rsdp = info + off + sizeof(*t);
			break;
		default:
			break;
		}
		off += ROUND_UP(t->size, 8u);
	}
}

bool mb_read(uint32_t magic, uint32_t info)
{
	if (magic == 0x2BADB002) {
		read_mb1(low(info));
	} else if (magic == 0x36d76289) {
		read_mb2(info);
	} else {
		return false;
	}
	return true;
}
