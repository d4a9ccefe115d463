#!/usr/bin/env python3
"""A workload command for orbitbench: copy it and put your own work into `step`. Needs nothing but Python 3.

    orbitbench run --workload 'command:python3 external.py'

Told on standard input, a line at every tick of the bench:   {"target_duty":0.6}
Says on standard output, about twice a second while at work: {"t":12.5,"units":64,"unit":"step","phase":"work"}

`units` are those done since the previous line. `warmup` and `prefill` are phases that the bench keeps apart from output.
Work comes in full bursts and pauses, in cycles of ORBITBENCH_PERIOD_S, jittered: short or regular ones alias with a GPU's power meter.
With `--eclipse checkpoint` or `--eclipse restart` (told in ORBITBENCH_ECLIPSE) power goes in each eclipse, and memory with it. Then the lines are
    {"target_duty":0,"checkpoint":"/folder/command.checkpoint"}   until it answers {"t":13,"checkpoint":{"bytes":812}}: saved to that file, memory dropped;
    {"target_duty":0.6,"restore":"/folder/command.checkpoint"}    until it answers {"t":99,"restore":{"bytes":812}}: read back, at work again.
With restart the file is null: it drops its memory and answers how many units are lost, {"checkpoint":{"lost":40}}.
It falls idle if nobody renews its duty for ORBITBENCH_LEASE_S, and ends when its input ends or at SIGTERM.
"""

import hashlib
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

START = time.monotonic()
told = threading.Condition()
duty, renewed, over = 0.0, time.monotonic(), False
# What the bench asks: ("checkpoint" or "restore", file or None); None once it was answered.
asked = None

N = 24
A = [[random.uniform(-1, 1) for _ in range(N)] for _ in range(N)]
B = [[random.uniform(-1, 1) for _ in range(N)] for _ in range(N)]


# What would be lost with the memory: sums over a round of ROUND steps, of which only a whole one is a result.
ROUND = 1000
state = {"steps": 0, "sums": [0.0] * N}
# Of the round that was left: only a number, which the ground knows too.
unfinished = 0


def step():
    """One unit of work: a product of two random matrices. Put yours here, about 50 ms of it at most."""
    columns = list(zip(*B))
    product = [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in A]
    state["sums"] = [s + sum(row) for s, row in zip(state["sums"], product)]
    state["steps"] += 1
    if state["steps"] % ROUND == 0:
        state["sums"] = [0.0] * N


def save(path):
    """To another name first: whatever happens meanwhile, what bears the name is whole."""
    text = json.dumps(state)
    text = hashlib.sha256(text.encode()).hexdigest() + "\n" + text
    with open(path + ".part", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)
    return len(text)


def load(path):
    with open(path) as file:
        digest, text = file.read().split("\n", 1)
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ValueError("its checksum does not fit")
    return json.loads(text), len(digest) + 1 + len(text)


def answer(what, path):
    """Leaves memory, or comes back; says what that came to."""
    global state, unfinished
    told = {}
    if state:
        unfinished = state["steps"] % ROUND
    fresh = {"steps": 0, "sums": [0.0] * N}
    if what == "checkpoint":
        try:
            if path is None:
                told["lost"] = unfinished
            else:
                told["bytes"] = save(path)
        except OSError as why:
            told.update(lost=unfinished, why="cannot write %s: %s" % (path, why))
        # Begins with the round again if there is nothing to read.
        state = None
    elif path is None or not os.path.exists(path):
        state = fresh
    else:
        try:
            state, told["bytes"] = load(path)
        except (OSError, ValueError) as why:
            state = fresh
            told["lost"] = unfinished
            told["why"] = "cannot go on from %s: %s" % (path, why)
    print(json.dumps({"t": round(time.monotonic() - START, 3), what: told}), flush=True)


def listen():
    global duty, renewed, asked
    done = None
    for line in sys.stdin:
        try:
            message = json.loads(line)
            wanted = min(1.0, max(0.0, float(message["target_duty"])))
            asks = next(((what, message[what]) for what in ("checkpoint", "restore") if what in message), None)
        except (ValueError, KeyError, TypeError):
            print("not understood: " + line.strip(), file=sys.stderr, flush=True)
            continue
        with told:
            duty, renewed = wanted, time.monotonic()
            # It is asked at every tick until it has answered: once is enough.
            if asks and asks != done:
                asked = done = asks
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
    global asked
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=listen, daemon=True).start()
    start = START
    units, reported = 0, start

    def report():
        nonlocal units, reported
        now = time.monotonic()
        print(json.dumps({"t": round(now - start, 3), "units": units, "unit": "step", "phase": "work"}), flush=True)
        units, reported = 0, now

    begin, length = start, PERIOD_S
    while not over:
        now = time.monotonic()
        with told:
            wants, asked = asked, None
        if wants:
            if units:
                report()
            answer(*wants)
            continue
        if now >= begin + length:
            begin, length = now, PERIOD_S * random.uniform(0.8, 1.2)
        if state and now < begin + allowed() * length:
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
