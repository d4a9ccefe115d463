#!/usr/bin/env python3
"""A training step in PyTorch's style as a workload command for orbitbench. With PyTorch it runs on a GPU if there is one; without, NumPy does the same step.

    orbitbench run --workload 'command:python3 pytorch.py'
    orbitbench workload bench 'command:python3 pytorch.py --width 256'

With `--eclipse checkpoint` weights, optimiser and random state cross an eclipse in a file and the losses go on as if nothing had been; with `--eclipse restart` training begins anew
and every sample so far is told as lost.

Counts samples trained on; the phase `warmup` is not counted. The loss is checked: training that does not learn is reported as a fault, for then the machine
computes garbage or the data are wrong. `external.py` is the same protocol without any library, and explains it.
"""

import argparse
import gc
import hashlib
import io
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

    def dump(self, file):
        torch = self.torch
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "teacher": self.teacher, "random": torch.get_rng_state()}
        if self.device == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state()
        torch.save(state, file)

    def take(self, file):
        torch = self.torch
        # Nothing but tensors and numbers is believed of a file.
        state = torch.load(file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.teacher = state["teacher"].to(self.device)
        torch.set_rng_state(state["random"])
        if self.device == "cuda":
            torch.cuda.set_rng_state(state["random_cuda"])

    @staticmethod
    def free():
        """What the allocator keeps goes back to the driver: a card that sleeps keeps nothing."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


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

    def dump(self, file):
        random_state = self.np.frombuffer(json.dumps(self.rng.bit_generator.state).encode(), self.np.uint8)
        self.np.savez(file, a=self.a, b=self.b, teacher=self.teacher, random=random_state)

    def take(self, file):
        state = self.np.load(file, allow_pickle=False)
        self.a, self.b, self.teacher = state["a"], state["b"], state["teacher"]
        self.rng.bit_generator.state = json.loads(state["random"].tobytes())

    @staticmethod
    def free():
        """Python gives back what is large by itself."""


def make_step(width, batch):
    try:
        import torch
    except ImportError:
        import numpy

        return NumpyStep(numpy, width, batch), "numpy"
    step = TorchStep(torch, width, batch)
    return step, f"torch {torch.__version__} on {step.device}"


class Training:
    """A step with what is known of its course; in memory, or away."""

    def __init__(self, options):
        self.options = options
        self.kind = None
        self.begin()

    def begin(self):
        self.step, self.how = make_step(self.options.width, self.options.batch)
        self.kind = type(self.step)
        self.course = {"steps": 0, "samples": 0, "first": None, "recent": []}

    def save(self, path):
        """A line of JSON and the step's own state behind their digest, under another name first: whatever happens meanwhile, what bears the name is whole."""
        state = io.BytesIO()
        self.step.dump(state)
        whole = json.dumps(self.course).encode() + b"\n" + state.getvalue()
        with open(path + ".part", "wb") as file:
            file.write(hashlib.sha256(whole).hexdigest().encode() + b"\n" + whole)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".part", path)
        return len(whole) + 65

    def load(self, path):
        with open(path, "rb") as file:
            digest, whole = file.read().split(b"\n", 1)
        if hashlib.sha256(whole).hexdigest().encode() != digest:
            raise ValueError("its checksum does not fit")
        course, state = whole.split(b"\n", 1)
        self.step.take(io.BytesIO(state))
        self.course = json.loads(course)
        return len(whole) + 65

    def leave(self, path):
        """Drops the memory; says what is written, or lost."""
        told = {}
        try:
            if path is None:
                told["lost"] = self.course["samples"]
            else:
                told["bytes"] = self.save(path)
        except OSError as why:
            told.update(lost=self.course["samples"], why=f"cannot write {path}: {why}")
        self.step = None
        gc.collect()
        self.kind.free()
        return told

    def come(self, path):
        """Back in memory: from the file, or from nothing."""
        told, samples = {}, self.course["samples"]
        self.begin()
        # After a file that could not be written there is none, and that is told already.
        if path is not None and os.path.exists(path):
            try:
                told["bytes"] = self.load(path)
            except (OSError, ValueError, KeyError, RuntimeError) as why:
                self.begin()
                told.update(lost=samples, why=f"cannot go on from {path}: {why}")
        return told


class Lease:
    """The duty that may be worked and what else is asked, as told on standard input."""

    def __init__(self):
        self.told = threading.Condition()
        self.duty, self.renewed, self.over = 0.0, time.monotonic(), False
        # ("checkpoint" or "restore", file or None), until it is taken.
        self.asked = None
        signal.signal(signal.SIGTERM, self.end)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        done = None
        for line in sys.stdin:
            try:
                message = json.loads(line)
                wanted = min(1.0, max(0.0, float(message["target_duty"])))
            except (ValueError, KeyError, TypeError):
                continue
            asks = next(((what, message[what]) for what in ("checkpoint", "restore") if what in message), None)
            with self.told:
                self.duty, self.renewed = wanted, time.monotonic()
                # It is asked at every tick until it has answered: once is enough.
                if asks and asks != done:
                    self.asked = done = asks
                self.told.notify_all()
        self.end()

    def take_asked(self):
        with self.told:
            asked, self.asked = self.asked, None
        return asked

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

    training = Training(options)
    say(remark=f"training steps by {training.how}")
    units, reported = 0, start

    def report():
        nonlocal units, reported
        course = training.course
        say(units=units, unit="sample", phase="train", figures={"steps": course["steps"], "loss": sum(course["recent"]) / len(course["recent"])})
        units, reported = 0, time.monotonic()

    begin, length = start, PERIOD_S
    while not lease.over:
        now = time.monotonic()
        asked = lease.take_asked()
        if asked:
            if units:
                report()
            what, path = asked
            # Where it is already, there is nothing to do but to say so.
            away = training.step is None
            say(**{what: {} if away == (what == "checkpoint") else training.leave(path) if what == "checkpoint" else training.come(path)})
            continue
        if now >= begin + length:
            # Jittered: a regular rhythm aliases with a GPU's power meter.
            begin, length = now, PERIOD_S * random.uniform(0.8, 1.2)
        if training.step and now < begin + lease.allowed() * length:
            loss, course = training.step(), training.course
            course["steps"] += 1
            if course["steps"] <= options.warmup:
                say(units=options.batch, unit="sample", phase="warmup")
                continue
            units += options.batch
            course["samples"] += options.batch
            course["recent"] = (course["recent"] + [loss])[-20:]
            course["first"] = loss if course["first"] is None else course["first"]
            mean = sum(course["recent"]) / len(course["recent"])
            if course["steps"] == 200 and not mean < course["first"]:
                say(fault=f"the loss went from {course['first']} to {mean} in 200 steps: this does not learn")
        else:
            lease.wait(begin + length - now)
        if units and time.monotonic() - reported >= 0.5:
            report()
    if units:
        report()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # The bench is gone.
        os._exit(0)
