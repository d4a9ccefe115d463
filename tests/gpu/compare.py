#!/usr/bin/env python3
"""The built-in engine beside PyTorch on one GPU in one sitting: same shapes, same numbers (bf16), the same tasks; a table of ratios.

    compare.py BINARY CARD OUT [--model 8b] [--batch 128] [--seconds 20] [--repeats 5]

PyTorch's side is a plain Llama-shaped decoder with a static cache, SDPA, and its decoding step compiled or recorded as a CUDA graph. Without PyTorch, or without a
GPU that it can use, our side is measured alone and the table says what is absent. Only reads; needs no network. Also measured, on our side: how the rate repeats,
and what polling the sensors costs (with and without it in turn; mean difference with its 95 % interval and n).
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

SHAPES = {
    # layers, width, heads, kv heads, hidden, vocabulary, context, tied, rotary base: as `bench/workload/transformer.rs` has them.
    "tiny": (4, 256, 8, 8, 704, 1024, 256, False, 1e4),
    "1b": (16, 2048, 32, 8, 8192, 128256, 512, True, 5e5),
    "8b": (32, 4096, 32, 8, 14336, 128256, 512, False, 5e5),
}
CHUNK = 8192
# Two-sided 95 % points of Student's t for 1 to 10 degrees of freedom.
STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]


def ours(binary, card, model, task, batch, seconds):
    """Tokens a second put out and taken in, and the words of the engine; or why not."""
    work = f"cuda:{card}:{model}:{task}:bf16:batch={batch}"
    command = [binary, "workload", "bench", work, "--duration", f"{seconds}s", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1:]
    return json.loads(done.stdout), None


def interval(values):
    """Mean and half of its 95 % interval; the half is None where there is one value only."""
    if len(values) < 2:
        return statistics.mean(values), None
    t = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    return statistics.mean(values), t * statistics.stdev(values) / math.sqrt(len(values))


class Torch:
    """The same decoder in PyTorch."""

    def __init__(self, torch, model, batch, index):
        self.torch, self.batch = torch, batch
        self.layers, self.width, self.heads, self.kv, self.hidden, self.vocabulary, self.context, self.tied, self.base = SHAPES[model]
        self.device = torch.device("cuda", index)
        torch.manual_seed(1)
        d = self.d = self.width // self.heads

        def matrix(outputs, inputs):
            return (torch.rand(outputs, inputs, device=self.device, dtype=torch.bfloat16) * 2 - 1) * (3 / inputs) ** 0.5

        qkv = self.width + 2 * self.kv * d
        self.weights = [(matrix(qkv, self.width), matrix(self.width, self.width), matrix(2 * self.hidden, self.width), matrix(self.width, self.hidden),
                         torch.ones(self.width, device=self.device, dtype=torch.bfloat16), torch.ones(self.width, device=self.device, dtype=torch.bfloat16))
                        for _ in range(self.layers)]
        self.embedding = matrix(self.vocabulary, self.width)
        self.head = self.embedding if self.tied else matrix(self.vocabulary, self.width)
        self.norm = torch.ones(self.width, device=self.device, dtype=torch.bfloat16)
        shape = (self.layers, batch, self.kv, self.context, d)
        self.keys = torch.zeros(shape, device=self.device, dtype=torch.bfloat16)
        self.values = torch.zeros(shape, device=self.device, dtype=torch.bfloat16)
        angle = torch.arange(self.context, device=self.device)[:, None] * self.base ** (-torch.arange(d // 2, device=self.device) / (d // 2))
        self.cos, self.sin = torch.cat([angle.cos()] * 2, 1).bfloat16(), torch.cat([-angle.sin(), angle.sin()], 1).bfloat16()

    def turn(self, x, cos, sin):
        return x * cos + x.roll(self.d // 2, -1) * sin

    def forward(self, tokens, sequences, positions):
        """tokens [n, length] of the sequences from `sequences` on, at `positions` [length]; logits after the last of each."""
        torch, functional = self.torch, self.torch.nn.functional
        n, length = tokens.shape
        x = self.embedding[tokens]
        cos, sin = self.cos[positions], self.sin[positions]
        for layer, (qkv, out, gate_up, down, norm1, norm2) in enumerate(self.weights):
            h = functional.rms_norm(x, (self.width,), norm1, 1e-5) @ qkv.T
            q, k, v = h.split([self.width, self.kv * self.d, self.kv * self.d], -1)
            q = self.turn(q.view(n, length, self.heads, self.d).transpose(1, 2), cos, sin)
            k = self.turn(k.view(n, length, self.kv, self.d).transpose(1, 2), cos, sin)
            v = v.view(n, length, self.kv, self.d).transpose(1, 2)
            keys, values = self.keys[layer, sequences], self.values[layer, sequences]
            keys.index_copy_(2, positions, k)
            values.index_copy_(2, positions, v)
            if length == 1:
                seen = (torch.arange(self.context, device=self.device) <= positions)[None, None, None]
                mixed = functional.scaled_dot_product_attention(q, keys, values, attn_mask=seen, enable_gqa=True)
            else:
                mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + mixed.transpose(1, 2).reshape(n, length, self.width) @ out.T
            gate, up = (functional.rms_norm(x, (self.width,), norm2, 1e-5) @ gate_up.T).chunk(2, -1)
            x = x + (functional.silu(gate) * up) @ down.T
        return functional.rms_norm(x[:, -1], (self.width,), self.norm, 1e-5) @ self.head.T

    def prompts(self, count, length):
        return self.torch.randint(self.vocabulary, (count, length), device=self.device)

    def timed(self, step, seconds):
        """Steps a second, after as long a warm-up as a tenth."""
        torch = self.torch
        end = time.monotonic() + seconds / 10
        step()
        while time.monotonic() < end:
            step()
        torch.cuda.synchronize()
        start, steps = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            for _ in range(4):
                step()
            torch.cuda.synchronize()
            steps += 4
        return steps / (time.monotonic() - start)

    def recorded(self, step):
        """The step as a CUDA graph."""
        torch = self.torch
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def rates(self, seconds):
        """Tokens a second in and out of each task, as our engine's tasks are made."""
        torch = self.torch
        with torch.inference_mode():
            length = self.context - 1
            count = max(1, min(self.batch, CHUNK // length))
            prompts, upto = self.prompts(count, length), torch.arange(length, device=self.device)
            compiled = torch.compile(self.forward)

            def prefill():
                return compiled(prompts, slice(0, count), upto).argmax(-1)

            # Half-way through the context, as in the mean of our sequences.
            token = torch.zeros(self.batch, 1, device=self.device, dtype=torch.long)
            position = torch.full((1,), self.context // 2, device=self.device, dtype=torch.long)

            def decode():
                logits = compiled(token, slice(0, self.batch), position).float()
                token.copy_(torch.multinomial(logits.softmax(-1), 1))

            rates = {"prefill": (count * length * self.timed(prefill, seconds), None)}
            decoding = self.recorded(decode)
            rates["decode"] = (None, self.batch * self.timed(decoding, seconds))
            # A quarter of prompt, three of answers: of every `context` tokens a quarter is taken in.
            part = self.context // 4
            some = self.prompts(max(1, min(self.batch, CHUNK // part)), part)
            begin = torch.arange(part, device=self.device)

            def prompt():
                return compiled(some, slice(0, some.shape[0]), begin).argmax(-1)

            taken = some.shape[0] * part * self.timed(prompt, seconds)
            answered = rates["decode"][1]
            total = 1 / (part / taken + (self.context - part) / answered)
            rates["mixed"] = (total * part, total * (self.context - part))
            return rates

    def ceiling(self, seconds, size=8192):
        """TFLOP/s of a large product of random numbers."""
        torch = self.torch
        a, b = (torch.randn(size, size, device=self.device, dtype=torch.bfloat16) for _ in range(2))
        return 2 * size**3 * self.timed(lambda: torch.matmul(a, b), seconds) / 1e12


def flops_a_token(model):
    """Operations of a prompt's token in products: two a weight of the blocks; attention and the head of the last token not counted."""
    layers, width, heads, kv, hidden, *_ = SHAPES[model]
    d = width // heads
    return 2 * layers * (2 * width * (width + kv * d) + 3 * width * hidden)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("card", help="number by NVML's order, or UUID")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--model", default="8b", choices=SHAPES)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found, lines, failed = {"options": {k: str(v) for k, v in vars(options).items()}}, [], False

    def say(line):
        lines.append(line)
        print(line, flush=True)

    theirs, ceiling = {}, None
    try:
        import torch
        if not torch.cuda.is_available():
            raise RuntimeError("PyTorch finds no GPU")
        index = int(options.card) if options.card.isdigit() else 0
        found["torch"] = torch.__version__
        peer = Torch(torch, options.model, options.batch, index)
        ceiling = peer.ceiling(options.seconds / 2)
        theirs = peer.rates(options.seconds)
        del peer
        torch.cuda.empty_cache()
    except Exception as why:
        found["torch_absent"] = repr(why)
        say(f"ABSENT  PyTorch's side: {why!r}")
    found["torch_rates"], found["ceiling_tflops"] = theirs, ceiling

    say(f"{'task':8} {'ours in/s':>12} {'ours out/s':>12} {'torch in/s':>12} {'torch out/s':>12} {'ratio':>7}")
    rate = lambda value: "-" if value is None else f"{value:.0f}"
    prefill = None
    for task in ["prefill", "decode", "mixed"]:
        report, why = ours(options.binary, options.card, options.model, task, options.batch, options.seconds)
        if report is None:
            say(f"FAILED  {task}: {why}")
            failed = True
            continue
        found[f"ours_{task}"] = report
        taken, given = report["input_units_per_s"], report["output_units_per_s"]
        prefill = taken if task == "prefill" else prefill
        their_in, their_out = theirs.get(task, (None, None))
        ratio = "-"
        if task == "prefill" and their_in:
            ratio = f"{taken / their_in:.3f}"
        elif task == "decode" and their_out:
            ratio = f"{given / their_out:.3f}"
        elif their_in:
            ratio = f"{(taken + given) / (their_in + their_out):.3f}"
        say(f"{task:8} {rate(taken):>12} {rate(given):>12} {rate(their_in):>12} {rate(their_out):>12} {ratio:>7}")
    if prefill and ceiling:
        reached = prefill * flops_a_token(options.model) / 1e12
        say(f"prefill reaches {reached:.0f} of {ceiling:.0f} TFLOP/s of an 8192-cubed product: {reached / ceiling:.3f}")
        found["prefill_of_ceiling"] = reached / ceiling
    rates = []
    for _ in range(options.repeats):
        report, _ = ours(options.binary, options.card, options.model, "decode", options.batch, options.seconds)
        rates.extend([report["output_units_per_s"]] if report else [])
    if len(rates) > 1:
        mean, half = interval(rates)
        spread = (max(rates) - min(rates)) / mean
        say(f"decode repeats: {mean:.1f} tokens/s, from least to most {100 * spread:.3f} %, 95 % interval of the mean +-{100 * half / mean:.3f} %, n = {len(rates)}")
        found["repeats"] = rates
    # Polling: a run that reads the sensors and does no work of its own, beside the work, and not, in turn. Its locks lie elsewhere, or it would not let the work begin.
    differences = []
    for n in range(options.repeats):
        pair = {}
        for polled in ([True, False] if n % 2 else [False, True]):
            watcher = None
            if polled:
                command = [options.binary, "run", "--headless", "--rig", "gpu-only", "--accelerator", f"nvml:{options.card}", "--workload", "none",
                           "--out", str(options.out / "polled")]
                watcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, ORBITBENCH_LOCKS=str(options.out)))
                time.sleep(2)
            report, _ = ours(options.binary, options.card, options.model, "decode", options.batch, options.seconds)
            if watcher:
                pair["watched"] = watcher.poll() is None
                watcher.terminate()
                watcher.wait()
            pair[polled] = report and report["output_units_per_s"]
        if pair.get(True) and pair.get(False) and pair["watched"]:
            differences.append(1 - pair[True] / pair[False])
    if len(differences) > 1:
        mean, half = interval(differences)
        say(f"polling and control cost {100 * mean:.3f} % of the rate, 95 % interval +-{100 * half:.3f} %, n = {len(differences)}")
        found["polling_cost"] = differences
    else:
        say("ABSENT  what polling costs: no pair of measurements with and without it")
    (options.out / "compare.json").write_text(json.dumps(found, indent=1))
    (options.out / "compare.txt").write_text("\n".join(lines) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
