#!/usr/bin/env python3
"""Pays interest on the account NAME whenever a year has been counted in YEAR.

    ipc value create account f64 1000 && ipc value create year i64 0
    python3 interest.py account year 0.05 3 &
    ipc value add year 1 && ipc value wait account '>' 1000

numpy stores plainly: while it changes a value nobody else may, so this program
pays and the shell only reads. ipc sees what it wrote at its next look.
"""
import subprocess
import sys

import numpy as np

account, year, rate, years = sys.argv[1:]
balance = np.load("/dev/shm/" + account, mmap_mode="r+")
for number in range(1, int(years) + 1):
    # Sleeps until the shell has counted on, without looking again and again.
    subprocess.run(
        ["ipc", "-q", "--scope", "", "value", "wait", year, ">=", str(number)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    balance[()] *= 1 + float(rate)
