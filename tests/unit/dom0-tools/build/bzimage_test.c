/*
 * bzimage_unpack: kernel files as distributions make them, and as a broken disk
 * leaves them.  Payloads are made here with the same libraries' other halves.
 */
#include "dom0-tools/build/bzimage.h"

#include <criterion/criterion.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "dom0-tools/libpav/die.h"

enum { SETUP_SECTS = 3, SETUP_LEN = (SETUP_SECTS + 1) * 512, KERNEL_LEN = 50000 };

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(v >> (8 * i));
	}
}

/* Something that looks like an ELF and compresses a little. */
static void make_kernel(uint8_t *k)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < KERNEL_LEN; i++) {
		x = x * 1103515245 + 12345;
		k[i] = (x >> 16) & 0x1f;
	}
	memcpy(k, "\177ELF", 4);
}

static void make_image(struct buf *image, const void *payload, size_t len)
{
	uint8_t head[SETUP_LEN + 100] = { 0 };

	head[0x1f1] = SETUP_SECTS;
	head[0x1fe] = 0x55;
	head[0x1ff] = 0xaa;
	memcpy(head + 0x202, "HdrS", 4);
	head[0x206] = 0x0f;
	head[0x207] = 2;
	put32(head + 0x248, 100);
	put32(head + 0x24c, (uint32_t)len);
	buf_add(image, head, sizeof(head));
	buf_add(image, payload, len);
}

enum packing { GZIP, XZ, ZSTD, LZ4, PACKINGS };

static size_t pack(enum packing how, const uint8_t *data, size_t len, uint8_t *out, size_t room)
{
	size_t n = 0;

	if (how == GZIP) {
		z_stream z = { .next_in = (Bytef *)data,
			       .avail_in = (uInt)len,
			       .next_out = out,
			       .avail_out = (uInt)room };

		deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
		deflate(&z, Z_FINISH);
		n = z.total_out;
		deflateEnd(&z);
		return n;
	}
	if (how == XZ) {
		lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, data, len, out, &n, room);
	} else if (how == ZSTD) {
		n = ZSTD_compress(out, room, data, len, 3);
	} else {
		put32(out, 0x184c2102);
		n = (size_t)LZ4_compress_HC((const char *)data, (char *)out + 8, (int)len,
					    (int)room - 8, 9);
		put32(out + 4, (uint32_t)n);
		n += 8;
	}
	put32(out + n, (uint32_t)len);
	return n + 4;
}

static void make_packed(struct buf *image, enum packing how, const uint8_t *data, size_t len)
{
	uint8_t *out = xmalloc(2 * len + 4096);
	size_t n = pack(how, data, len, out, 2 * len + 4000);

	make_image(image, out, n);
	free(out);
}

static void refuse(const void *file, size_t len, const char *part)
{
	struct buf out = { 0 };
	char *err = NULL;
	void *copy = xmalloc(len); /* exact, so that the sanitizer sees one byte too far */

	memcpy(copy, file, len);
	cr_assert_eq(bzimage_unpack(copy, len, &out, &err), -1);
	cr_assert_not_null(err);
	cr_assert(strstr(err, part), "\"%s\" does not say \"%s\"", err, part);
	cr_assert_null(strchr(err, '\n'));
	cr_assert_null(out.data);
	free(err);
	free(copy);
}

static void accept(const struct buf *image, const uint8_t *kernel)
{
	struct buf out = { 0 };
	char *err = NULL;

	cr_assert_eq(bzimage_unpack(image->data, image->len, &out, &err), 0, "%s", err);
	cr_assert_eq(out.len, KERNEL_LEN);
	cr_assert_eq(memcmp(out.data, kernel, KERNEL_LEN), 0);
	buf_free(&out);
}

static uint8_t kernel[KERNEL_LEN];

Test(bzimage, every_compressor_gives_the_kernel_back)
{
	make_kernel(kernel);
	for (int how = 0; how < PACKINGS; how++) {
		struct buf image = { 0 };

		make_packed(&image, how, kernel, KERNEL_LEN);
		accept(&image, kernel);
		buf_add(&image, "signature", 9); /* signed kernels have more after the payload */
		accept(&image, kernel);
		buf_free(&image);
	}
}

Test(bzimage, an_elf_passes_through)
{
	struct buf image = { 0 };

	make_kernel(kernel);
	buf_add(&image, kernel, KERNEL_LEN);
	accept(&image, kernel);
	buf_free(&image);
}

Test(bzimage, lz4_blocks_beyond_the_first_are_read)
{
	uint8_t payload[2 * KERNEL_LEN];
	struct buf image = { 0 };
	size_t half = KERNEL_LEN / 2, at = 4;

	make_kernel(kernel);
	put32(payload, 0x184c2102);
	for (int i = 0; i < 2; i++) {
		int n = LZ4_compress_default((char *)kernel + half * i, (char *)payload + at + 4,
					     (int)half, KERNEL_LEN);

		put32(payload + at, (uint32_t)n);
		at += 4 + (size_t)n;
	}
	put32(payload + at, KERNEL_LEN);
	make_image(&image, payload, at + 4);
	accept(&image, kernel);
	buf_free(&image);
}

Test(bzimage, a_file_cut_anywhere_is_refused)
{
	make_kernel(kernel);
	for (int how = 0; how < PACKINGS; how++) {
		struct buf image = { 0 };

		make_packed(&image, how, kernel, KERNEL_LEN);
		for (size_t len = 0; len < image.len;
		     len += len < 700 || len + 40 > image.len ? 1 : 997) {
			refuse(image.data, len,
			       len < 4	     ? "too short"
			       : len < 0x250 ? "neither"
					     : "truncated");
		}
		buf_free(&image);
	}
}

Test(bzimage, a_payload_cut_anywhere_is_refused)
{
	static uint8_t out[3 * KERNEL_LEN];

	make_kernel(kernel);
	for (int how = 0; how < PACKINGS; how++) {
		size_t full = pack(how, kernel, KERNEL_LEN, out, sizeof(out) - 8);

		for (size_t len = 0; len < full; len += len < 60 || len + 40 > full ? 1 : 499) {
			struct buf image = { 0 };
			uint8_t *cut = xmalloc(len + 4);

			/* Keep the right size at the end: the stream itself must be found short. */
			memcpy(cut, out, len);
			put32(cut + len, KERNEL_LEN);
			if (len + 4 != full) {
				make_image(&image, cut, len + 4);
				refuse(image.data, image.len, "a bzImage");
			}
			buf_free(&image);
			free(cut);
		}
	}
}

Test(bzimage, a_damaged_payload_is_refused)
{
	make_kernel(kernel);
	for (int how = 0; how < PACKINGS; how++) {
		struct buf image = { 0 };
		size_t middle;

		make_packed(&image, how, kernel, KERNEL_LEN);
		middle = SETUP_LEN + 100 + (image.len - SETUP_LEN - 100) / 2;
		if (how == ZSTD || how == LZ4) {
			/* Neither has a checksum here: damage the structure instead. */
			middle = SETUP_LEN + 100 + 4;
		}
		for (int i = 0; i < 4; i++) {
			image.data[middle + i] ^= 0xff;
		}
		refuse(image.data, image.len, "corrupt");
		buf_free(&image);
	}
}

Test(bzimage, a_size_that_does_not_agree_is_refused)
{
	const uint32_t sizes[] = { 0, 1, KERNEL_LEN - 1, KERNEL_LEN + 1, 0xffffffff };

	make_kernel(kernel);
	for (int how = 0; how < PACKINGS; how++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct buf image = { 0 };

			make_packed(&image, how, kernel, KERNEL_LEN);
			put32((uint8_t *)image.data + image.len - 4, sizes[i]);
			refuse(image.data, image.len, "corrupt");
			buf_free(&image);
		}
	}
}

Test(bzimage, hostile_header_fields_are_refused)
{
	const uint32_t values[] = { 0xffffffff, 0x7fffffff, 0x80000000, 60000 };

	make_kernel(kernel);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (int field = 0x248; field <= 0x24c; field += 4) {
			struct buf image = { 0 };

			make_packed(&image, GZIP, kernel, KERNEL_LEN);
			put32((uint8_t *)image.data + field, values[i]);
			refuse(image.data, image.len, "truncated");
			buf_free(&image);
		}
	}
}

Test(bzimage, other_files_are_named_for_what_they_are_not)
{
	struct buf image = { 0 };
	char text[3000];
	uint8_t not_elf[1000] = "not an elf";

	memset(text, 'a', sizeof(text));
	refuse(text, sizeof(text), "neither an ELF file nor a bzImage");
	refuse(text, 0, "too short");

	make_image(&image, "\x5d\x00\x00\x80 lzma of the old kind", 25);
	refuse(image.data, image.len, "compressed with lzma");
	buf_free(&image);

	make_image(&image, "what is this, really?", 20);
	refuse(image.data, image.len, "no known format");
	image.data[0x206] = 7;
	refuse(image.data, image.len, "2.07");
	buf_free(&image);

	make_packed(&image, XZ, not_elf, sizeof(not_elf));
	refuse(image.data, image.len, "not an ELF");
	buf_free(&image);
}
