#!/usr/bin/env python3
"""The built-in engine beside PyTorch on one GPU in one sitting: same shapes, same numbers (bf16), the same tasks, in turn; a verdict a line.

    compare.py BINARY CARD OUT [--model 8b] [--batch 128] [--seconds 4] [--repeats 4] [--budget 270] [--quick]

For each task one process of ours and one compiled function of PyTorch's stay loaded, and windows of work alternate between them; the ratio is that of neighbours, with
its 95 % interval. How PyTorch's side is made is in `torch_side.py`. Without PyTorch, or without a GPU that it can use, our side is measured alone and the line is
ABSENT. Also judged, on our side: how the rate repeats, and what polling the sensors costs (with and without, in turn). Only reads; needs no network.

Of the seconds in all each task has its share (SHARES), what one leaves goes to the next, and within it the ratio comes first: loading and `torch.compile` may take no more than what
three pairs of windows leave. Where PyTorch could not be compiled in that time a ratio of 1 or more is no PASS but ABSENT, for it is not that of PyTorch at its best.

Lines begin with PASS, FAIL or ABSENT. FAIL: a ratio below 1, repeats that differ by more than 0.5 %, polling whose interval reaches beyond 0.5 %, or our engine does not
work. Exit code: 0 without a FAIL, 1 with one, 2 for arguments. `--quick` shows that the script works, and judges nothing. Evidence is written as it comes.
"""

import argparse
import json
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time

# Parts of all seconds, the most valuable first; decoding has the repeats and the cost of polling, too.
SHARES = {"decode": 0.5, "prefill": 0.25, "mixed": 0.25}
PAIRS = 3
# Two-sided 95 % points of Student's t for 1 to 10 degrees of freedom.
STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
SPREAD, POLLING = 0.005, 0.005
# Our lease is 3 s.
RENEW_S = 0.5
LOAD_S = 240


def interval(values):
    """Mean and half of its 95 % interval; infinite where there is one value only."""
    if len(values) < 2:
        return statistics.mean(values), math.inf
    t = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    return statistics.mean(values), t * statistics.stdev(values) / math.sqrt(len(values))


def slope(points):
    """Least-squares slope: units come in whole steps, and two points would be off by one of them."""
    ts, us = [p[0] for p in points], [p[1] for p in points]
    t0, u0 = statistics.mean(ts), statistics.mean(us)
    below = sum((t - t0) ** 2 for t in ts)
    return sum((t - t0) * (u - u0) for t, u in points) / below if below > 0 else None


class Ours:
    """Our engine at one task in a process of its own, loaded once; it works while it is told to, as a run tells it."""

    def __init__(self, binary, card, model, task, batch, environment, load_s=LOAD_S):
        self.name = f"cuda:{card}:{model}:{task}:bf16:batch={batch}"
        self.process = subprocess.Popen([binary, "workload", "load", self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.totals = {"decode": 0.0, "prefill": 0.0}
        self.points, self.words, self.fault, self.duty = [], [], None, 0.0
        self.changed = threading.Condition()
        for run in (self.listen, self.hear, self.tell):
            threading.Thread(target=run, daemon=True).start()
        # Ready once it has done work: weights are made and kernels are loaded by then.
        self.work(1.0)
        deadline = time.monotonic() + load_s
        with self.changed:
            while not self.why() and not any(self.totals.values()) and time.monotonic() < deadline:
                # Its end is no line that would wake us.
                self.changed.wait(timeout=0.2)
        self.work(0.0)
        if self.why():
            raise RuntimeError(self.why())
        if not any(self.totals.values()):
            self.end()
            raise RuntimeError(f"no work within {load_s:.0f} s")

    def why(self):
        if self.fault:
            return self.fault
        if self.process.poll() is not None:
            return f"it ended with {self.process.returncode}: {' | '.join(self.words[-3:])}"
        return None

    def listen(self):
        for line in self.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            with self.changed:
                if "units" in said:
                    self.totals[said["phase"]] = self.totals.get(said["phase"], 0.0) + said["units"]
                    # Output comes last in a report: both are of that moment.
                    if said["phase"] == "decode":
                        self.points.append((said["t"], self.totals["prefill"], self.totals["decode"]))
                if said.get("fault"):
                    self.fault = said["fault"]
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def hear(self):
        for line in self.process.stderr:
            self.words.append(line.strip())

    def tell(self):
        while self.process.poll() is None:
            self.say()
            time.sleep(RENEW_S)

    def say(self):
        try:
            self.process.stdin.write(json.dumps({"target_duty": self.duty}) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def work(self, duty):
        self.duty = duty
        self.say()

    def window(self, seconds):
        """Tokens a second in and out while it works for so long, from a moment after its start on."""
        self.work(1.0)
        time.sleep(min(1.0, seconds / 5))
        with self.changed:
            self.points.clear()
        deadline = time.monotonic() + seconds
        with self.changed:
            # At least three reports, however short the window.
            while (time.monotonic() < deadline or len(self.points) < 3) and not self.why():
                self.changed.wait(timeout=0.2)
            points = list(self.points)
        self.work(0.0)
        if self.why():
            raise RuntimeError(self.why())
        return slope([(t, i) for t, i, _ in points]), slope([(t, o) for t, _, o in points])

    def end(self):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def judged(task, rates):
    """The rate a task is judged by: tokens out, tokens in, or both where the work is both."""
    taken, given = (rate or 0.0 for rate in rates)
    return {"decode": given, "prefill": taken, "mixed": taken + given}[task]


class Evidence:
    """Lines and numbers, on the disk as they come."""

    def __init__(self, out, options):
        self.out, self.lines, self.failed = out, [], False
        self.found = {"options": {k: str(v) for k, v in vars(options).items()}}
        self.quick = options.quick
        self.end = self.part_end = time.monotonic() + options.budget

    def left(self):
        """Seconds of the part that is under way."""
        return self.part_end - time.monotonic()

    def part(self, task):
        """A task begins: it has its share of what is left for itself and those after it."""
        names = list(SHARES)
        rest = sum(SHARES[name] for name in names[names.index(task) :])
        self.part_end = time.monotonic() + (self.end - time.monotonic()) * SHARES[task] / rest
        return self.left()

    def keep(self, key, value):
        self.found[key] = value
        (self.out / "compare.json").write_text(json.dumps(self.found, indent=1))

    def say(self, line):
        self.lines.append(line)
        print(line, flush=True)
        (self.out / "compare.txt").write_text("\n".join(self.lines) + "\n")

    def judge(self, passed, words):
        """A line with its verdict; None is ABSENT."""
        if passed is not None and self.quick:
            self.say(f"QUICK   {words}")
            return
        self.failed |= passed is False
        self.say(f"{'ABSENT' if passed is None else 'PASS' if passed else 'FAIL':7} {words}")


def compare(evidence, ours, theirs, task, options):
    """Windows in turn, at least three each; what was measured is kept whatever fails later."""
    pairs, mine, other = [], [], []
    for n in range(options.repeats):
        if n >= 3 and evidence.left() < 4 * options.seconds:
            break
        pair = {}
        for side in (["ours", "torch"] if n % 2 == 0 else ["torch", "ours"]):
            if side == "ours":
                pair[side] = ours.window(options.seconds)
                mine.append(pair[side])
            elif theirs:
                try:
                    pair[side] = theirs.window(options.seconds)
                    other.append(pair[side])
                except Exception as why:
                    evidence.say(f"        {task}: PyTorch's side ends here: {why!r}")
                    theirs = None
        if "torch" in pair:
            pairs.append(judged(task, pair["ours"]) / judged(task, pair["torch"]))
        evidence.keep(task, {"ours": mine, "torch": other, "ratios": pairs, "torch_is": theirs and theirs.words})
    rate = lambda rates, at: "-" if not rates or not any(r[at] for r in rates) else f"{statistics.mean(r[at] or 0 for r in rates):.0f}"
    evidence.say(f"        {task}: ours in/s {rate(mine, 0)}, ours out/s {rate(mine, 1)}, torch in/s {rate(other, 0)}, torch out/s {rate(other, 1)}, n = {len(mine)} and {len(other)}")
    if len(pairs) >= 3:
        mean, half = interval(pairs)
        unsure = "; the interval holds 1" if abs(mean - 1) < half else ""
        short = theirs is not None and theirs.short
        evidence.judge(None if short and mean >= 1 else mean >= 1, f"{task}: {mean:.4f} of PyTorch's rate, 95 % interval +-{half:.4f}, n = {len(pairs)}{unsure}; {theirs.words if theirs else ''}")
    elif theirs or pairs:
        evidence.judge(None, f"{task}: {len(pairs)} pairs of windows only, no interval")
    return [judged(task, rates) for rates in mine]


def repeats(evidence, ours, rates, options):
    """How the rate of decoding repeats; the windows of the comparison count."""
    while len(rates) < 5 and evidence.left() > 3 * options.seconds:
        rates.append(judged("decode", ours.window(options.seconds)))
    if len(rates) < 3:
        return evidence.judge(None, "repeats: no time left for three windows")
    mean, half = interval(rates)
    spread = (max(rates) - min(rates)) / mean
    evidence.keep("repeats", rates)
    evidence.judge(spread <= SPREAD, f"repeats: {mean:.1f} tokens/s, from least to most {100 * spread:.3f} %, 95 % interval of the mean +-{100 * half / mean:.3f} %, n = {len(rates)}")


def polling(evidence, ours, options, environment):
    """Beside a run that reads the sensors and does no work of its own, and not, in turn. Its locks lie elsewhere, or it would not let the work begin."""
    costs = []
    # An error of the command is as good as its absence: the differences say how many.
    environment = dict(environment, ORBITBENCH_LOCKS=str(options.out))
    command = [options.binary, "run", "--headless", "--rig", "gpu-only", "--accelerator", f"nvml:{options.card}", "--workload", "none", "--out", str(options.out / "polled")]
    for n in range(options.repeats):
        if evidence.left() < 2 * options.seconds + 8:
            break
        pair, watched = {}, True
        for polled in ([True, False] if n % 2 else [False, True]):
            watcher = None
            if polled:
                watcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
                time.sleep(2)
            try:
                pair[polled] = judged("decode", ours.window(options.seconds))
            finally:
                if watcher:
                    watched = watcher.poll() is None
                    watcher.terminate()
                    watcher.wait()
        if watched:
            costs.append(1 - pair[True] / pair[False])
        evidence.keep("polling_cost", costs)
        if not watched:
            break
    if len(costs) < 3:
        return evidence.judge(None, f"polling: {len(costs)} pairs of windows with and without it")
    mean, half = interval(costs)
    evidence.judge(mean + half <= POLLING, f"polling and control cost {100 * mean:.3f} % of the rate, 95 % interval +-{100 * half:.3f} %, n = {len(costs)}")


def side(evidence, options):
    """PyTorch's side, or None; why not is said."""
    # Both sides count cards as NVML does; a UUID is the only card that PyTorch sees.
    if not options.card.isdigit():
        os.environ["CUDA_VISIBLE_DEVICES"] = options.card
    try:
        import torch
        import torch_side
        if not torch.cuda.is_available():
            raise RuntimeError("PyTorch finds no GPU")
        index = int(options.card) if options.card.isdigit() else 0
        device = torch.device("cuda", index)
        uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
        evidence.keep("torch", {"version": torch.__version__, "cuda": torch.version.cuda, "card": torch.cuda.get_device_name(device), "uuid": uuid and str(uuid)})
        return torch_side.Peer(torch, options.model, options.batch, device, say=evidence.say)
    except Exception as why:
        evidence.keep("torch_absent", repr(why))
        evidence.judge(None, f"PyTorch's side: {why!r}")
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("card", help="number by NVML's order, or UUID")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--model", default="8b", choices=["tiny", "1b", "8b"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=4, help="of a window")
    parser.add_argument("--repeats", type=int, default=4, help="windows a side, at least 3")
    parser.add_argument("--budget", type=float, default=270, help="seconds in all; what does not fit is ABSENT")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.repeats = max(options.repeats, 3)
    options.out.mkdir(parents=True, exist_ok=True)
    # Ended from outside, what was measured is on the disk, and our engine ends with its input.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time: the lines so far stand"))
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    environment = dict(os.environ)
    evidence = Evidence(options.out, options)
    evidence.say(f"{options.model}, bf16, batch {options.batch}, windows of {options.seconds:g} s, {options.budget:g} s in all; ours and PyTorch in turn on card {options.card}")
    peer = side(evidence, options)
    prefill = None
    pairs_s = 2 * PAIRS * (1.25 * options.seconds + 0.5)
    for task in SHARES:
        if evidence.part(task) < pairs_s:
            evidence.judge(None, f"{task}: no time left, {evidence.left():.0f} s of {options.budget:g}")
            continue
        ours = None
        try:
            ours = Ours(options.binary, options.card, options.model, task, options.batch, environment, min(LOAD_S, evidence.left()))
            if peer:
                peer.until = time.monotonic() + evidence.left() - pairs_s
            theirs = peer and peer.task(task)
            if peer and not theirs:
                evidence.judge(None, f"{task}: PyTorch's side could not be made, see above")
            rates = compare(evidence, ours, theirs, task, options)
            prefill = statistics.mean(rates) if task == "prefill" and rates else prefill
            del theirs
            if task == "decode":
                repeats(evidence, ours, rates, options)
                polling(evidence, ours, options, environment)
        except Exception as why:
            evidence.judge(False, f"{task}: our side: {why}")
            evidence.failed = True
        finally:
            if ours:
                ours.end()
    if peer and prefill and evidence.end - time.monotonic() > 5:
        ceiling = peer.ceiling(3)
        reached = prefill * peer.flops_a_token() / 1e12
        evidence.keep("prefill_of_ceiling", {"reached_tflops": reached, "ceiling_tflops": ceiling})
        evidence.say(f"        prefill reaches {reached:.0f} of {ceiling:.0f} TFLOP/s of an 8192-cubed product: {reached / ceiling:.3f}")
    sys.exit(1 if evidence.failed else 0)


if __name__ == "__main__":
    main()
