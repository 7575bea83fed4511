#!/usr/bin/env python3
"""Adds one to each byte of the segment NAME, through a mapping.

    ipc shm create frame --size 16 && python3 frame.py frame && ipc shm read frame --hex
"""
import mmap
import os
import sys

descriptor = os.open("/dev/shm/" + sys.argv[1], os.O_RDWR)
with mmap.mmap(descriptor, 0) as frame:
    for index in range(len(frame)):
        frame[index] = (frame[index] + 1) % 256
