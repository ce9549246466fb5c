# How long a guest's own timer waits at most while one request of it is worked on: tests/abi/bounded.
# on: peer pavane
# guest: build/abi/bounded
# aim: pin_wait <= 100000
# aim: unpin_wait <= 100000
# aim: refused_pin_wait <= 100000
# aim: entry_set_wait <= 100000
# aim: entry_cleared_wait <= 100000
# aim: give_back_wait <= 100000
# aim: populate_wait <= 100000
# aim: multicall_wait <= 100000
# aim: tables_set_wait <= 100000
# aim: give_back_2m_wait <= 100000
# aim: multicall_pins_wait <= 100000
