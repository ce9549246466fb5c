# What the hot paths cost a mini-guest that is the first domain and alone: frontends/guests/bench.c.
# on: peer pavane
# guest: build/guests/bench
# aim: null_hypercall <= 170
# aim: update_va_mapping <= 350
# aim: mmu_update_of_one <= 450
