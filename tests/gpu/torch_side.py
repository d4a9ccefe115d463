"""PyTorch's side of `compare.py`: a Llama-shaped decoder as somebody who wants it fast would write it.

- Attention without a mask, over what is there and no more, so that SDPA may take its fastest kernel. Of those that take the shape (cuDNN, flash, memory-efficient, math) the
  fastest is found by timing and named. In decoding the query heads of a group lie along the query's length: grouped attention without copies of the cache, on any kernel.
- One tensor a layer for keys and one for values, written in place.
- Each task is one function of fixed shapes, compiled for them (`dynamic=False`) and recorded as a CUDA graph. What cannot be compiled runs eagerly as a graph, and what
  cannot be recorded runs as it is; each step down is said, and what was measured before stays.
- Compiling may take until a moment that the caller sets (`until`); what is not compiled by then is recorded as it is, and the task says so (`short`).
- A decoding step attends to as many tokens as ours does in the mean. Mixed work is measured as it is: decoding and prompts in the shares that our sequences have.

Written for PyTorch 2.5 and later. The device is an argument, so that its arithmetic can be tried where there is no GPU.
"""

import contextlib
import math
import signal
import time

SHAPES = {
    # layers, width, heads, kv heads, hidden, vocabulary, context, tied, rotary base: as `bench/workload/transformer.rs` has them.
    "tiny": (4, 256, 8, 8, 704, 1024, 256, False, 1e4),
    "1b": (16, 2048, 32, 8, 8192, 128256, 512, True, 5e5),
    "8b": (32, 4096, 32, 8, 14336, 128256, 512, False, 5e5),
}
# Tokens of prompts in one step of ours.
CHUNK = 8192
# How often a window waits for the card, s.
SETTLE_S = 0.25


@contextlib.contextmanager
def before(moment):
    """Raises TimeoutError in what is inside if it outlasts this moment, by `time.monotonic()`; in Python's code, and as soon as C++ returns to it."""
    if moment == math.inf:
        yield
        return

    def over(*_):
        raise TimeoutError(f"not done in the time there was for it, {allowed:.0f} s")

    allowed = max(moment - time.monotonic(), 0.001)
    earlier = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, allowed)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


class Task:
    """A round of work of fixed size, and how it is done."""

    def __init__(self, peer, taken, given, run, words):
        self.peer, self.taken, self.given, self.run, self.words = peer, taken, given, run, words
        # It was not compiled for want of time: it may be faster than this.
        self.short = peer.short

    def window(self, seconds):
        """Tokens a second in and out over whole rounds of at least so long."""
        self.peer.settle()
        start = time.monotonic()
        self.run()
        self.peer.settle()
        # Waiting for the card costs it a moment: only some times a second, and the end is still known well.
        ahead = max(1, int(SETTLE_S / (time.monotonic() - start)))
        start, rounds = time.monotonic(), 0
        while rounds == 0 or time.monotonic() < start + seconds:
            for _ in range(ahead):
                self.run()
            self.peer.settle()
            rounds += ahead
        rate = rounds / (time.monotonic() - start)
        return self.taken * rate, self.given * rate


class Peer:
    """Weights, cache and the three tasks."""

    def __init__(self, torch, model, batch, device, say=print, compiled=True):
        self.torch, self.batch, self.device, self.say, self.compiled, self.model = torch, batch, device, say, compiled, model
        self.layers, self.width, self.heads, self.kv, self.hidden, self.vocabulary, self.context, self.tied, self.base = SHAPES[model]
        self.until, self.short = math.inf, False
        torch.manual_seed(1)
        if device.type == "cuda":
            # Graphs are recorded on the current card.
            torch.cuda.set_device(device)
        d = self.d = self.width // self.heads
        kind = dict(device=device, dtype=torch.bfloat16)

        def matrix(outputs, inputs):
            return (torch.rand(outputs, inputs, **kind) * 2 - 1) * (3 / inputs) ** 0.5

        qkv = self.width + 2 * self.kv * d
        self.weights = [
            (matrix(qkv, self.width), matrix(self.width, self.width), matrix(2 * self.hidden, self.width), matrix(self.width, self.hidden), torch.ones(self.width, **kind), torch.ones(self.width, **kind))
            for _ in range(self.layers)
        ]
        self.embedding = matrix(self.vocabulary, self.width)
        self.head = self.embedding if self.tied else matrix(self.vocabulary, self.width)
        self.norm = torch.ones(self.width, **kind)
        self.keys = [torch.zeros(batch, self.kv, self.context, d, **kind) for _ in range(self.layers)]
        self.values = [torch.zeros(batch, self.kv, self.context, d, **kind) for _ in range(self.layers)]
        angle = torch.arange(self.context, device=device)[:, None] * self.base ** (-torch.arange(d // 2, device=device) / (d // 2))
        self.cos, self.sin = torch.cat([angle.cos()] * 2, 1).bfloat16(), torch.cat([-angle.sin(), angle.sin()], 1).bfloat16()

    def settle(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize(self.device)

    def flops_a_token(self):
        """Operations of a prompt's token in products: two a weight of the blocks; attention and the head of the last token not counted."""
        return 2 * self.layers * (2 * self.width * (self.width + self.kv * self.d) + 3 * self.width * self.hidden)

    def turn(self, x, cos, sin):
        return x * cos + x.roll(self.d // 2, -1) * sin

    def attend(self, q, keys, values, length):
        """q [n, heads, length, d]. One query a sequence sees all of the cache that it is given, a prompt sees itself up to each token."""
        sdpa = self.torch.nn.functional.scaled_dot_product_attention
        n = q.shape[0]
        if length == 1:
            grouped = q.reshape(n, self.kv, self.heads // self.kv, self.d)
            return sdpa(grouped, keys, values).reshape(n, self.heads, 1, self.d)
        many = self.heads // self.kv
        if many > 1:
            keys, values = (x[:, :, None].expand(-1, -1, many, -1, -1).reshape(n, self.heads, length, self.d) for x in (keys, values))
        return sdpa(q, keys, values, is_causal=True)

    def forward(self, tokens, at):
        """tokens [n, length] of the first n sequences, from position `at` on; logits [n, vocabulary] after the last of each."""
        functional = self.torch.nn.functional
        n, length = tokens.shape
        x = self.embedding[tokens]
        cos, sin = self.cos[at : at + length], self.sin[at : at + length]
        for (qkv, out, gate_up, down, norm1, norm2), kept_keys, kept_values in zip(self.weights, self.keys, self.values):
            h = functional.rms_norm(x, (self.width,), norm1, 1e-5) @ qkv.T
            q, k, v = h.split([self.width, self.kv * self.d, self.kv * self.d], -1)
            q = self.turn(q.view(n, length, self.heads, self.d).transpose(1, 2), cos, sin)
            k = self.turn(k.view(n, length, self.kv, self.d).transpose(1, 2), cos, sin)
            v = v.view(n, length, self.kv, self.d).transpose(1, 2)
            kept_keys[:n, :, at : at + length].copy_(k)
            kept_values[:n, :, at : at + length].copy_(v)
            if length == 1:
                k, v = kept_keys[:n, :, : at + 1], kept_values[:n, :, : at + 1]
            mixed = self.attend(q, k, v, length)
            x = x + mixed.transpose(1, 2).reshape(n, length, self.width) @ out.T
            gate, up = (functional.rms_norm(x, (self.width,), norm2, 1e-5) @ gate_up.T).chunk(2, -1)
            x = x + (functional.silu(gate) * up) @ down.T
        return functional.rms_norm(x[:, -1], (self.width,), self.norm, 1e-5) @ self.head.T

    def backends(self):
        from torch.nn.attention import SDPBackend
        names = ["CUDNN_ATTENTION", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH"]
        return [(name, getattr(SDPBackend, name)) for name in names if hasattr(SDPBackend, name)]

    def fastest(self, count, length, at):
        """The kernel that does this attention in the least time: its name, and what sets it."""
        from torch.nn.attention import sdpa_kernel
        torch, found = self.torch, []
        kind = dict(device=self.device, dtype=torch.bfloat16)
        q = torch.randn(count, self.heads, length, self.d, **kind)
        seen = at + 1 if length == 1 else length
        keys, values = self.keys[0][:count, :, :seen], self.values[0][:count, :, :seen]
        for name, backend in self.backends():
            try:
                with sdpa_kernel([backend]), torch.inference_mode():
                    took = []
                    for _ in range(6):
                        self.settle()
                        start = time.monotonic()
                        self.attend(q, keys, values, length)
                        self.settle()
                        took.append(time.monotonic() - start)
                    found.append((min(took[1:]), name, backend))
            except RuntimeError:
                # It does not take this shape, number or device.
                continue
        if not found:
            raise RuntimeError("no kernel of SDPA takes this attention")
        _, name, backend = min(found, key=lambda one: one[0])
        return name.lower().replace("_attention", ""), lambda: sdpa_kernel([backend])

    def sampled(self, logits):
        """A token a sequence by its likelihood: a race of exponentials, which needs no answer from the card."""
        likely = logits.float().softmax(-1)
        return (likely / self.torch.empty_like(likely).exponential_()).argmax(-1, keepdim=True)

    def made(self, name, step, kernel):
        """The step as fast as it can be had, and what it is; each step down is said."""
        torch = self.torch

        def warm(run):
            with kernel(), torch.inference_mode():
                for _ in range(3):
                    run()
                self.settle()

        def recorded(run):
            side = torch.cuda.Stream(self.device)
            side.wait_stream(torch.cuda.current_stream(self.device))
            with kernel(), torch.inference_mode(), torch.cuda.stream(side):
                for _ in range(3):
                    run()
            torch.cuda.current_stream(self.device).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with kernel(), torch.inference_mode(), torch.cuda.graph(graph):
                run()
            return graph.replay

        def plain(run):
            def within():
                with kernel(), torch.inference_mode():
                    run()

            return within

        graphs = self.device.type == "cuda"
        ways = [(True, True, "compiled, as a CUDA graph"), (False, True, "eager, as a CUDA graph"), (True, False, "compiled"), (False, False, "eager")]
        for compiled, graph, words in ways:
            if (compiled and not self.compiled) or (graph and not graphs):
                continue
            try:
                run = torch.compile(step, dynamic=False) if compiled else step
                with before(self.until if compiled else math.inf):
                    warm(run)
                return (recorded if graph else plain)(run), words
            except Exception as why:
                self.short |= compiled and time.monotonic() >= self.until
                self.say(f"        {name}: not {words}: {str(why).strip().splitlines()[0] if str(why).strip() else why!r}")
                self.settle()
        raise RuntimeError("there is no way to run it")

    def prompts(self, length):
        """A step of prompts: how many, and the step."""
        count = max(1, min(self.batch, CHUNK // length))
        tokens = self.torch.randint(self.vocabulary, (count, length), device=self.device)
        chosen = self.torch.zeros(count, dtype=self.torch.long, device=self.device)

        def step():
            chosen.copy_(self.forward(tokens, 0).argmax(-1))

        return count, step

    def decoding(self, at):
        token = self.torch.zeros(self.batch, 1, device=self.device, dtype=self.torch.long)

        def step():
            token.copy_(self.sampled(self.forward(token, at)))

        return step

    def task(self, name):
        """A task of ours done here, or None; why not is said."""
        self.short = False
        try:
            return getattr(self, name)()
        except Exception as why:
            self.say(f"        {name}: PyTorch's side fails: {why!r}")
            return None

    def decode(self):
        # Half-way through the context: the mean of our sequences.
        at = self.context // 2
        attention, kernel = self.fastest(self.batch, 1, at)
        run, words = self.made("decode", self.decoding(at), kernel)
        return Task(self, 0, self.batch, run, f"PyTorch {words}, attention by {attention} over {at + 1} tokens")

    def prefill(self):
        length = self.context - 1
        count, step = self.prompts(length)
        attention, kernel = self.fastest(count, length, 0)
        run, words = self.made("prefill", step, kernel)
        return Task(self, count * length, count, run, f"PyTorch {words}, {count} prompts of {length}, attention by {attention}")

    def mixed(self):
        # Of every `context` tokens of a sequence a quarter is prompt; the answers follow, in the mean at five eighths of the context.
        length = self.context // 4
        answers, at = self.context - length, (self.context + length) // 2
        count, prompt = self.prompts(length)
        attention, kernel = self.fastest(count, length, 0)
        attention1, kernel1 = self.fastest(self.batch, 1, at)
        take, words = self.made("mixed: prompts", prompt, kernel)
        give, words1 = self.made("mixed: answers", self.decoding(at), kernel1)
        # So many decoding steps to one of prompts that both are had in the shares of a sequence.
        between = max(1, round(answers * count / self.batch))

        def run():
            take()
            for _ in range(between):
                give()

        words = f"PyTorch {words} and {words1}, {between} decoding steps to {count} prompts of {length}, attention by {attention} and {attention1}"
        return Task(self, count * length, between * self.batch + count, run, words)

    def ceiling(self, seconds, size=8192):
        """TFLOP/s of a large product of random numbers."""
        torch = self.torch
        a, b = (torch.randn(size, size, device=self.device, dtype=torch.bfloat16) for _ in range(2))
        torch.matmul(a, b)
        self.settle()
        start, products = time.monotonic(), 0
        while products == 0 or time.monotonic() < start + seconds:
            for _ in range(8):
                torch.matmul(a, b)
            self.settle()
            products += 8
        return 2 * size**3 * products / (time.monotonic() - start) / 1e12
