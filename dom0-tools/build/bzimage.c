/*
 * bzImage to ELF.  The hypervisor has no decompressor, so this runs in user
 * space: for `pav unpack-kernel`, and for the domain builder, which keeps the
 * result (kernel.c).
 */
#include "dom0-tools/build/bzimage.h"

#include <lz4.h>
#include <lzma.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "dom0-tools/libpav/die.h"

/* Offsets in the setup header; Documentation/arch/x86/boot.rst of Linux. */
enum {
	SETUP_SECTS = 0x1f1,
	BOOT_FLAG = 0x1fe,
	HEADER_MAGIC = 0x202,
	PROTOCOL_VERSION = 0x206,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	HEADER_END = 0x250,
};

#define LZ4_CHUNK (8u << 20) /* what one block of a legacy frame may unpack to */

struct bytes {
	const uint8_t *p;
	size_t len;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/*
 * An unpacker fills out[out_len] exactly from in, which still has the four size
 * bytes at its end.  0, or -1 if the data is not a whole, correct stream.
 */
typedef int unpack_fn(struct bytes in, uint8_t *out, size_t out_len);

static int unpack_gzip(struct bytes in, uint8_t *out, size_t out_len)
{
	z_stream z = { .next_in = (Bytef *)in.p,
		       .avail_in = (uInt)in.len,
		       .next_out = out,
		       .avail_out = (uInt)out_len };
	int rc;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
		return -1;
	}
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && z.total_out == out_len && z.avail_in == 0 ? 0 : -1;
}

static int unpack_xz(struct bytes in, uint8_t *out, size_t out_len)
{
	uint64_t memlimit = 256ul << 20;
	size_t in_at = 0, out_at = 0;
	lzma_ret rc = lzma_stream_buffer_decode(&memlimit, 0, NULL, in.p, &in_at, in.len - 4, out,
						&out_at, out_len);

	return rc == LZMA_OK && in_at == in.len - 4 && out_at == out_len ? 0 : -1;
}

static int unpack_zstd(struct bytes in, uint8_t *out, size_t out_len)
{
	size_t n = ZSTD_decompress(out, out_len, in.p, in.len - 4);

	return !ZSTD_isError(n) && n == out_len ? 0 : -1;
}

static int unpack_lz4(struct bytes in, uint8_t *out, size_t out_len)
{
	size_t at = 4, end = in.len - 4, done = 0;

	while (at < end) {
		size_t room = out_len - done;
		uint32_t chunk;
		int n;

		if (end - at < 4) {
			return -1;
		}
		chunk = get32(in.p + at);
		at += 4;
		if (chunk == 0 || chunk > end - at) {
			return -1;
		}
		n = LZ4_decompress_safe((const char *)in.p + at, (char *)out + done, (int)chunk,
					(int)(room < LZ4_CHUNK ? room : LZ4_CHUNK));
		if (n < 0) {
			return -1;
		}
		at += chunk;
		done += (size_t)n;
	}
	return done == out_len ? 0 : -1;
}

static const struct format {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	unpack_fn *unpack; /* NULL: known, not served */
} formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
	{ "lzma", { 0x5d, 0x00, 0x00 }, 3, NULL },
};

static const struct format *find_format(struct bytes payload)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (payload.len >= f->magic_len && !memcmp(payload.p, f->magic, f->magic_len)) {
			return f;
		}
	}
	return NULL;
}

static int is_elf(const void *p, size_t len)
{
	return len >= 4 && !memcmp(p, "\177ELF", 4);
}

/* Finds the payload of a bzImage; every length is checked against the file's. */
static int find_payload(struct bytes file, struct bytes *payload, char **err)
{
	uint64_t sects, start, length;

	if (file.len < 4) {
		return fail(err, "too short to be a kernel (%zu bytes)", file.len);
	}
	if (file.len < HEADER_END) {
		return fail(err, "neither an ELF file nor a bzImage");
	}
	if (get16(file.p + BOOT_FLAG) != 0xaa55 || memcmp(file.p + HEADER_MAGIC, "HdrS", 4)) {
		return fail(err, "neither an ELF file nor a bzImage");
	}
	if (get16(file.p + PROTOCOL_VERSION) < 0x0208) {
		return fail(err,
			    "a bzImage of boot protocol %u.%02u, which does not say where its payload is (2.08 or later is needed)",
			    file.p[PROTOCOL_VERSION + 1], file.p[PROTOCOL_VERSION]);
	}
	sects = file.p[SETUP_SECTS] ? file.p[SETUP_SECTS] : 4;
	start = (sects + 1) * 512 + get32(file.p + PAYLOAD_OFFSET);
	length = get32(file.p + PAYLOAD_LENGTH);
	if (start > file.len || length > file.len - start) {
		return fail(err,
			    "a truncated bzImage: its payload ends at byte %llu and the file at %zu",
			    (unsigned long long)(start + length), file.len);
	}
	if (length < 12) {
		return fail(err, "a bzImage without a payload");
	}
	*payload = (struct bytes){ file.p + start, length };
	return 0;
}

static int unpack_payload(struct bytes payload, struct buf *out, char **err)
{
	const struct format *f = find_format(payload);
	size_t size = get32(payload.p + payload.len - 4);

	if (is_elf(payload.p, payload.len)) {
		buf_add(out, payload.p, payload.len);
		return 0;
	}
	if (!f) {
		return fail(err,
			    "a bzImage whose payload is in no known format (it begins %02x %02x %02x %02x)",
			    payload.p[0], payload.p[1], payload.p[2], payload.p[3]);
	}
	if (!f->unpack) {
		return fail(err,
			    "a bzImage compressed with %s; gzip, xz, zstd and lz4 can be unpacked",
			    f->name);
	}
	if (size == 0 || size > BZIMAGE_MAX_SIZE) {
		return fail(err,
			    "a bzImage with a corrupt %s payload (it claims to unpack to %zu bytes)",
			    f->name, size);
	}
	out->data = xmalloc(size + 1);
	out->cap = size + 1;
	if (f->unpack(payload, (uint8_t *)out->data, size) < 0) {
		buf_free(out);
		return fail(err, "a bzImage with a corrupt %s payload", f->name);
	}
	out->len = size;
	out->data[size] = 0;
	if (!is_elf(out->data, out->len)) {
		buf_free(out);
		return fail(err, "a bzImage whose %s payload is not an ELF file", f->name);
	}
	return 0;
}

int bzimage_unpack(const void *file, size_t len, struct buf *out, char **err)
{
	struct bytes all = { file, len }, payload = { NULL, 0 };

	if (is_elf(file, len)) {
		buf_add(out, file, len);
		return 0;
	}
	if (find_payload(all, &payload, err) < 0) {
		return -1;
	}
	return unpack_payload(payload, out, err);
}
