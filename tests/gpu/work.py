"""Work for a GPU by PyTorch, as an external command of orbitbench: bf16 products of random matrices, for as long as its duty allows.

Reads {"target_duty": x} lines, prints {"t", "units", "unit"} lines; a unit is one product. In `accelerator check` the duty is 0 or 1; in a run it
paces itself in cycles of two to three seconds. Idles without a line for the lease, ends with its input.
"""

import json
import os
import random
import sys
import threading
import time

import torch

LEASE_S = float(os.environ.get("ORBITBENCH_LEASE_S", "3"))
PERIOD_S = float(os.environ.get("ORBITBENCH_PERIOD_S", "2"))
SIZE = int(os.environ.get("ORBITBENCH_GPU_SIZE", "4096"))

duty, renewed = 0.0, time.monotonic()


def listen():
    global duty, renewed
    for line in sys.stdin:
        try:
            duty, renewed = float(json.loads(line)["target_duty"]), time.monotonic()
        except (ValueError, KeyError):
            print("no duty in", line, file=sys.stderr)
    os._exit(0)


threading.Thread(target=listen, daemon=True).start()
random.seed(int(os.environ.get("ORBITBENCH_SEED", "0")))
device = torch.device("cuda")
# Random data: zeros draw less power.
a = torch.randn(SIZE, SIZE, device=device, dtype=torch.bfloat16)
b = torch.randn(SIZE, SIZE, device=device, dtype=torch.bfloat16)
started = told = cycle = time.monotonic()
length = PERIOD_S
done = 0
while True:
    now = time.monotonic()
    if now >= cycle + length:
        cycle, length = now, PERIOD_S * random.uniform(1.0, 1.5)
    now_duty = duty if now - renewed <= LEASE_S else 0.0
    if now - cycle < now_duty * length:
        # Few enough to follow a switched duty within some milliseconds.
        for _ in range(4):
            torch.matmul(a, b)
        torch.cuda.synchronize()
        done += 4
    else:
        time.sleep(0.002)
    if now - told >= 0.2:
        print(json.dumps({"t": now - started, "units": done, "unit": "product", "phase": "gemm"}), flush=True)
        done, told = 0, now
