#!/usr/bin/env python3
"""A workload command for orbitbench: copy it and put your own work into `step`. Needs nothing but Python 3.

    orbitbench run --workload 'command:python3 external.py'

Told on standard input, a line at every tick of the bench:   {"target_duty":0.6}
Says on standard output, about twice a second while at work: {"t":12.5,"units":64,"unit":"step","phase":"work"}

`units` are those done since the previous line. `warmup` and `prefill` are phases that the bench keeps apart from output.
Work comes in full bursts and pauses, in cycles of ORBITBENCH_PERIOD_S, jittered: short or regular ones alias with a GPU's power meter.
It falls idle if nobody renews its duty for ORBITBENCH_LEASE_S, and ends when its input ends or at SIGTERM.
"""

import json
import os
import random
import signal
import sys
import threading
import time

LEASE_S = float(os.environ.get("ORBITBENCH_LEASE_S", "3"))
PERIOD_S = max(2.0, float(os.environ.get("ORBITBENCH_PERIOD_S", "2.5")))
random.seed(int(os.environ.get("ORBITBENCH_SEED", "0")))

told = threading.Condition()
duty, renewed, over = 0.0, time.monotonic(), False

N = 24
A = [[random.uniform(-1, 1) for _ in range(N)] for _ in range(N)]
B = [[random.uniform(-1, 1) for _ in range(N)] for _ in range(N)]


def step():
    """One unit of work: a product of two random matrices. Put yours here, about 50 ms of it at most."""
    columns = list(zip(*B))
    return [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in A]


def listen():
    global duty, renewed
    for line in sys.stdin:
        try:
            wanted = min(1.0, max(0.0, float(json.loads(line)["target_duty"])))
        except (ValueError, KeyError, TypeError):
            print("not understood: " + line.strip(), file=sys.stderr, flush=True)
            continue
        with told:
            duty, renewed = wanted, time.monotonic()
            told.notify_all()
    end()


def end(*_):
    global over
    # Called by a signal too, in the midst of anything: it takes no lock. Nobody waits longer than a quarter second.
    over = True


def allowed():
    """The duty, unless the lease is over."""
    return duty if time.monotonic() - renewed <= LEASE_S else 0.0


def main():
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=listen, daemon=True).start()
    start = time.monotonic()
    units, reported = 0, start

    def report():
        nonlocal units, reported
        now = time.monotonic()
        print(json.dumps({"t": round(now - start, 3), "units": units, "unit": "step", "phase": "work"}), flush=True)
        units, reported = 0, now

    begin, length = start, PERIOD_S
    while not over:
        now = time.monotonic()
        if now >= begin + length:
            begin, length = now, PERIOD_S * random.uniform(0.8, 1.2)
        if now < begin + allowed() * length:
            step()
            units += 1
            if now - reported >= 0.5:
                report()
        else:
            if units:
                report()
            with told:
                told.wait(min(0.25, max(0.001, begin + length - now)))
    if units:
        report()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # The bench is gone.
        os._exit(0)
