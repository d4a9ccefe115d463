#!/usr/bin/env python3
"""A training step in PyTorch's style as a workload command for orbitbench. With PyTorch it runs on a GPU if there is one; without, NumPy does the same step.

    orbitbench run --workload 'command:python3 pytorch.py'
    orbitbench workload bench 'command:python3 pytorch.py --width 256'

Counts samples trained on; the phase `warmup` is not counted. The loss is checked: training that does not learn is reported as a fault, for then the machine
computes garbage or the data are wrong. `external.py` is the same protocol without any library, and explains it.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time

LEASE_S = float(os.environ.get("ORBITBENCH_LEASE_S", "3"))
PERIOD_S = max(2.0, float(os.environ.get("ORBITBENCH_PERIOD_S", "2.5")))
SEED = int(os.environ.get("ORBITBENCH_SEED", "0"))


class TorchStep:
    """Two layers, cross entropy to a fixed random teacher, AdamW; in bf16 on a GPU."""

    def __init__(self, torch, width, batch):
        self.torch = torch
        torch.manual_seed(SEED)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        nn = torch.nn
        self.model = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)).to(self.device)
        self.teacher = torch.randn(width, width, device=self.device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.width, self.batch = width, batch

    def __call__(self):
        torch = self.torch
        x = torch.randn(self.batch, self.width, device=self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            loss = torch.nn.functional.cross_entropy(self.model(x), (x @ self.teacher).argmax(1))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        # Waits for the GPU: what is counted is done.
        return loss.item()


class NumpyStep:
    """The same step by hand, with plain gradient descent."""

    def __init__(self, np, width, batch):
        self.np, self.width, self.batch = np, width, batch
        self.rng = np.random.default_rng(SEED)
        normal = self.rng.standard_normal
        self.a = normal((width, 4 * width), dtype=np.float32) / width**0.5
        self.b = normal((4 * width, width), dtype=np.float32) / (4 * width) ** 0.5
        self.teacher = normal((width, width), dtype=np.float32)

    def __call__(self):
        np = self.np
        x = self.rng.standard_normal((self.batch, self.width), dtype=np.float32)
        wanted = (x @ self.teacher).argmax(1)
        h = x @ self.a
        active = np.maximum(h, 0)
        y = active @ self.b
        y -= y.max(1, keepdims=True)
        p = np.exp(y)
        p /= p.sum(1, keepdims=True)
        rows = np.arange(self.batch)
        loss = float(-np.log(p[rows, wanted] + 1e-9).mean())
        p[rows, wanted] -= 1
        p /= self.batch
        db = active.T @ p
        da = x.T @ ((p @ self.b.T) * (h > 0))
        self.a -= 0.3 * da
        self.b -= 0.3 * db
        return loss


def make_step(width, batch):
    try:
        import torch
    except ImportError:
        import numpy

        return NumpyStep(numpy, width, batch), "numpy"
    step = TorchStep(torch, width, batch)
    return step, f"torch {torch.__version__} on {step.device}"


class Lease:
    """The duty that may be worked, as told on standard input."""

    def __init__(self):
        self.told = threading.Condition()
        self.duty, self.renewed, self.over = 0.0, time.monotonic(), False
        signal.signal(signal.SIGTERM, self.end)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in sys.stdin:
            try:
                wanted = min(1.0, max(0.0, float(json.loads(line)["target_duty"])))
            except (ValueError, KeyError, TypeError):
                continue
            with self.told:
                self.duty, self.renewed = wanted, time.monotonic()
                self.told.notify_all()
        self.end()

    def end(self, *_):
        # Called by a signal too: it takes no lock. Nobody waits longer than a quarter second.
        self.over = True

    def allowed(self):
        return self.duty if time.monotonic() - self.renewed <= LEASE_S else 0.0

    def wait(self, seconds):
        with self.told:
            self.told.wait(min(0.25, max(0.001, seconds)))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--width", type=int, default=512)
    options.add_argument("--batch", type=int, default=256)
    options.add_argument("--warmup", type=int, default=3, help="steps that are done and not counted")
    options = options.parse_args()
    random.seed(SEED)
    lease, start = Lease(), time.monotonic()

    def say(**what):
        print(json.dumps({"t": round(time.monotonic() - start, 3), **what}), flush=True)

    step, how = make_step(options.width, options.batch)
    say(remark=f"training steps by {how}")
    units, reported, steps, first, recent = 0, start, 0, None, []
    begin, length = start, PERIOD_S
    while not lease.over:
        now = time.monotonic()
        if now >= begin + length:
            # Jittered: a regular rhythm aliases with a GPU's power meter.
            begin, length = now, PERIOD_S * random.uniform(0.8, 1.2)
        if now < begin + lease.allowed() * length:
            loss = step()
            steps += 1
            if steps <= options.warmup:
                say(units=options.batch, unit="sample", phase="warmup")
                continue
            units += options.batch
            recent = (recent + [loss])[-20:]
            first = loss if first is None else first
            if steps == 200 and not sum(recent) / len(recent) < first:
                say(fault=f"the loss went from {first} to {sum(recent) / len(recent)} in 200 steps: this does not learn")
        else:
            lease.wait(begin + length - now)
        if units and time.monotonic() - reported >= 0.5:
            say(units=units, unit="sample", phase="train", figures={"steps": steps, "loss": sum(recent) / len(recent)})
            units, reported = 0, time.monotonic()
    if units:
        say(units=units, unit="sample", phase="train")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # The bench is gone.
        os._exit(0)
