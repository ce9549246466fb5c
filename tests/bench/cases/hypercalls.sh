# What the hot paths cost a mini-guest that is the first domain and alone: frontends/guests/bench.c.
# on: peer pavane
# guest: build/guests/bench
