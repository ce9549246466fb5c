#!/bin/bash
# What system calls, faults and processes cost in the control domain.
# on: bare peer pavane
/share/micro tsc power_on_to_ready
cp /share/micro /tmp/ && /tmp/micro 5
