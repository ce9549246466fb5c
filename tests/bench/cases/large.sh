# How long at most, with a guest of 8 GiB, each request about it goes with interrupts off or without a look for other
# work: tests/abi/large.
# It takes some minutes, and 12 GiB of the host's memory.
# on: pavane
# guest: build/abi/large
# words: mib=8192 domains=1000 ports=131000
# hypervisor: build/pavane-measure
# memory: 12288
# dom0: 256M
# aim: create <= 100000
# aim: create_wide <= 100000
# aim: create_again <= 100000
# aim: claim <= 100000
# aim: populate_2m <= 100000
# aim: populate_4k <= 100000
# aim: populate_2m_used <= 100000
# aim: populate_4k_used <= 100000
# aim: pin <= 100000
# aim: unpin <= 100000
# aim: pin_again <= 100000
# aim: update_pages <= 100000
# aim: update_pages_again <= 100000
# aim: update_tables_off <= 100000
# aim: update_tables_on <= 100000
# aim: update_tables_off_again <= 100000
# aim: update_tables_on_again <= 100000
# aim: multicall_light <= 100000
# aim: multicall_pins <= 100000
# aim: multicall_unpins <= 100000
# aim: page_infos <= 100000
# aim: affinity <= 100000
# aim: affinity_absurd <= 100000
# aim: read_log <= 100000
# aim: list <= 100000
# aim: grant_setup <= 100000
# aim: grant_acquire <= 100000
# aim: grant_map <= 100000
# aim: grant_unmap <= 100000
# aim: event_reset <= 100000
# aim: event_reset_fifo <= 100000
# aim: grant_version_2 <= 100000
# aim: grant_version_1 <= 100000
# aim: exchange_to_2m <= 100000
# aim: exchange_to_4k <= 100000
# aim: decrease_2m <= 100000
# aim: decrease_4k <= 100000
# aim: destroy <= 100000
# aim: gone <= 100000
# aim: destroy_empty <= 100000
# aim: destroy_wide <= 100000
