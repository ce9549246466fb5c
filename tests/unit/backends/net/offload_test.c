/* Finding transport headers and filling checksums in. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/offload.h"

static uint8_t pkt[2048];
static size_t len;

static void add(const void *bytes, size_t n)
{
	memcpy(pkt + len, bytes, n);
	len += n;
}

static void ethernet(uint16_t type)
{
	memset(pkt, 0, sizeof(pkt));
	len = 12;
	add((uint8_t[]){ (uint8_t)(type >> 8), (uint8_t)type }, 2);
}

static void ipv4(uint8_t proto, uint8_t words, uint16_t fragment)
{
	uint8_t h[60] = { 0x40 | words };

	h[6] = (uint8_t)(fragment >> 8);
	h[7] = (uint8_t)fragment;
	h[9] = proto;
	add(h, words * 4u);
}

static void ipv6(uint8_t next)
{
	uint8_t h[40] = { 0x60 };

	h[6] = next;
	add(h, sizeof(h));
}

static void tcp(uint8_t words)
{
	uint8_t h[60] = { 0 };

	h[12] = (uint8_t)(words << 4);
	add(h, words * 4u);
}

static void udp(void)
{
	add((uint8_t[8]){ 0 }, 8);
}

static struct offload_place place;

Test(offload, tcp_over_ipv4)
{
	ethernet(0x0800);
	ipv4(6, 5, 0x4000); /* don't fragment is no fragment */
	tcp(8);
	cr_assert(offload_locate(pkt, len, &place));
	cr_assert_eq(place.csum_start, 34);
	cr_assert_eq(place.csum_offset, 16);
	cr_assert_eq(place.header_len, 66);
	cr_assert(place.tcp && !place.ipv6);
}

Test(offload, udp_over_ipv4_with_options_behind_two_tags)
{
	ethernet(0x88a8);
	add((uint8_t[]){ 0, 5, 0x81, 0, 0, 6, 0x08, 0 }, 8);
	ipv4(17, 7, 0);
	udp();
	cr_assert(offload_locate(pkt, len, &place));
	cr_assert_eq(place.csum_start, 22 + 28);
	cr_assert_eq(place.csum_offset, 6);
	cr_assert(!place.tcp);
}

Test(offload, tcp_over_ipv6_behind_extensions)
{
	ethernet(0x86dd);
	ipv6(0);
	add((uint8_t[8]){ 43, 0 }, 8);	 /* hop-by-hop, then routing */
	add((uint8_t[16]){ 51, 1 }, 16); /* routing, then authentication */
	add((uint8_t[12]){ 6, 1 }, 12);	 /* authentication counts in words of four */
	tcp(5);
	cr_assert(offload_locate(pkt, len, &place));
	cr_assert_eq(place.csum_start, 14 + 40 + 8 + 16 + 12);
	cr_assert(place.ipv6 && place.tcp);
}

Test(offload, fragments_have_no_checksum_of_their_own)
{
	ethernet(0x0800);
	ipv4(17, 5, 0x2000);
	udp();
	cr_assert(!offload_locate(pkt, len, &place));
	ethernet(0x0800);
	ipv4(17, 5, 0x0010);
	udp();
	cr_assert(!offload_locate(pkt, len, &place));
	ethernet(0x86dd);
	ipv6(44);
	add((uint8_t[8]){ 17 }, 8);
	udp();
	cr_assert(!offload_locate(pkt, len, &place));
}

Test(offload, other_protocols_are_not_found)
{
	ethernet(0x0806);
	add((uint8_t[28]){ 0, 1, 8 }, 28);
	cr_assert(!offload_locate(pkt, len, &place));
	ethernet(0x0800);
	ipv4(1, 5, 0);
	udp();
	cr_assert(!offload_locate(pkt, len, &place));
}

Test(offload, header_lengths_that_lie)
{
	ethernet(0x0800);
	ipv4(6, 4, 0); /* shorter than a header */
	tcp(5);
	cr_assert(!offload_locate(pkt, len, &place));
	ethernet(0x0800);
	ipv4(6, 5, 0);
	tcp(5);
	pkt[34 + 12] = 0x40; /* TCP header of 16 bytes */
	cr_assert(!offload_locate(pkt, len, &place));
	pkt[34 + 12] = 0xf0; /* of 60, beyond the end */
	cr_assert(!offload_locate(pkt, len, &place));
}

Test(offload, extension_chains_are_bounded)
{
	ethernet(0x86dd);
	ipv6(0);
	for (int i = 0; i < 9; i++) {
		add((uint8_t[8]){ 0, 0 }, 8);
	}
	pkt[len - 8] = 17;
	udp();
	cr_assert(!offload_locate(pkt, len, &place));
}

Test(offload, every_truncation_is_refused)
{
	ethernet(0x86dd);
	ipv6(0);
	add((uint8_t[8]){ 6, 0 }, 8);
	tcp(5);
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* so that the sanitizer sees any step beyond */

		memcpy(exact, pkt, n);
		cr_assert(!offload_locate(exact, n, &place), "%zu bytes", n);
		free(exact);
	}
	cr_assert(offload_locate(pkt, len, &place));
}

Test(offload, random_bytes_stay_inside)
{
	unsigned int seed = 2, found = 0;

	for (int run = 0; run < 200000; run++) {
		size_t n = (size_t)rand_r(&seed) % 120;
		uint8_t *exact = malloc(n ? n : 1);

		for (size_t i = 0; i < n; i++) {
			exact[i] = (uint8_t)(rand_r(&seed) % 3 ? 0 : rand_r(&seed));
		}
		if (n > 23) {
			exact[12] = rand_r(&seed) % 2 ? 0x08 : 0x86;
			exact[13] = exact[12] == 0x08 ? 0 : 0xdd;
			exact[14] = exact[12] == 0x08 ? 0x45 : 0x60;
			exact[20 + 3 * (exact[12] == 0x08)] = 17;
		}
		if (offload_locate(exact, n, &place)) {
			found++;
			cr_assert_leq(place.csum_start + place.csum_offset + 2u, n);
			cr_assert_leq(place.header_len, n);
		}
		free(exact);
	}
	cr_assert_gt(found, 100);
}

/* The example of RFC 1071: 0001 f203 f4f5 f6f7 sums to ddf2. */
Test(offload, checksum_of_the_rfc)
{
	uint8_t p[] = { 9, 9, 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0, 0 };

	cr_assert(offload_fill(p, sizeof(p), 2, 8));
	cr_assert_eq(p[10], 0x22);
	cr_assert_eq(p[11], 0x0d);
}

Test(offload, odd_length_and_zero)
{
	uint8_t odd[] = { 0, 0, 0x12, 0x34, 0x56 };
	uint8_t zero[] = { 0xff, 0xff, 0, 0 };

	cr_assert(offload_fill(odd, sizeof(odd), 0, 0));
	cr_assert_eq(odd[0], 0x97); /* ~(1234 + 5600) = ~6834 */
	cr_assert_eq(odd[1], 0xcb);
	cr_assert(offload_fill(zero, sizeof(zero), 0, 2));
	cr_assert_eq(zero[2], 0xff, "zero means none in UDP");
}

Test(offload, checksum_outside_the_packet)
{
	uint8_t p[20] = { 0 };

	cr_assert(!offload_fill(p, sizeof(p), 18, 1));
	cr_assert(!offload_fill(p, sizeof(p), 65535, 65535));
	cr_assert(!offload_fill(p, sizeof(p), 19, 0));
	cr_assert(offload_fill(p, sizeof(p), 18, 0));
}
