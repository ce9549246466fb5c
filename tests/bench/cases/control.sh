#!/bin/bash
# What system calls, faults and processes cost in the control domain.
# on: bare peer pavane
# aim: power_on_to_init <= 5500
/share/micro tsc power_on_to_ready
cp /share/micro /tmp/ && /tmp/micro 5
