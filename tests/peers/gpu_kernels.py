"""Every kernel of the GPU's engine against NumPy: launched through the CUDA driver's own interface by ctypes (nothing of orbitbench's code is in between), and
computed a second time from the formulas of the papers that the kernels name.

    gpu_kernels.py LIBCUDA KERNELS_PTX        with the double of the driver, or with the driver of a real GPU

Inputs are rounded as the kernel gets them (bf16, E4M3), sums are in double precision, and what comes out may differ by its own last rounding and the noise of float
sums: so little that one tile off by a hundredth is seen. That it is seen is tried on every result (the negative control). Exit 0: all agree and every control was caught.
"""

import ctypes as c
import re
import sys

import numpy as np

rng = np.random.default_rng(20261128)
# Half a unit in the last place: bf16 has eight bits.
NOISE, FINEST = 3e-6, {"f32": 1e-5, "bf16": 2.0**-8}


def bits(x):
    """bf16, to nearest, ties to even."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((u + 0x7FFF + (u >> 16 & 1)) >> 16).astype(np.uint16)


def wide(b):
    return (b.astype(np.uint32) << 16).view(np.float32)


class Gpu:
    def __init__(self, library, ptx):
        self.cuda = c.CDLL(library, mode=c.RTLD_GLOBAL)
        self.text = open(ptx, "rb").read()
        self.used, context = set(), c.c_void_p()
        self.module = c.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDevicePrimaryCtxRetain", c.byref(context), 0)
        self.call("cuCtxSetCurrent", context)
        self.call("cuModuleLoadData", c.byref(self.module), self.text + b"\0")

    def call(self, name, *args):
        code = getattr(self.cuda, name)(*args)
        if code:
            sys.exit(f"{name}: error {code}")

    def run(self, name, blocks, threads, *args):
        """Arrays go there and come back; whole numbers are u32 unless they are NumPy's own, floats f32."""
        held, words = [], []
        for a in args:
            if isinstance(a, np.ndarray):
                a, at = np.ascontiguousarray(a), c.c_uint64()
                self.call("cuMemAlloc_v2", c.byref(at), c.c_size_t(max(a.nbytes, 16)))
                self.call("cuMemcpyHtoDAsync_v2", at, a.ctypes.data_as(c.c_void_p), c.c_size_t(a.nbytes), None)
                held.append((a, at))
                words.append(at)
            elif a is None:
                words.append(c.c_uint64(0))
            elif isinstance(a, np.uint64):
                words.append(c.c_uint64(int(a)))
            else:
                words.append(c.c_float(a) if isinstance(a, float) else c.c_uint32(a))
        function = c.c_void_p()
        self.call("cuModuleGetFunction", c.byref(function), self.module, name.encode())
        pointers = (c.c_void_p * len(words))(*[c.cast(c.byref(w), c.c_void_p) for w in words])
        blocks = list(blocks) + [1] * (3 - len(blocks))
        self.call("cuLaunchKernel", function, *[c.c_uint(b) for b in blocks], c.c_uint(threads), 1, 1, 0, None, pointers, None)
        out = []
        for a, at in held:
            back = np.empty_like(a)
            self.call("cuMemcpyDtoHAsync_v2", back.ctypes.data_as(c.c_void_p), at, c.c_size_t(a.nbytes), None)
            self.call("cuStreamSynchronize", None)
            self.call("cuMemFree_v2", at)
            out.append(back)
        self.used.add(name)
        return out


def judge(what, kind, got, expected, slack=0.0):
    """Numbers of a kernel against NumPy's, and against the same with one tile a hundredth off, which has to be refused."""
    got, expected = np.asarray(got, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    assert got.size == expected.size and np.isfinite(expected).all(), what
    allowed = FINEST[kind] * np.abs(expected) + NOISE * np.abs(expected).max() + np.broadcast_to(slack, got.shape)
    worst = float((np.abs(got - expected) / allowed).max())
    tile = np.zeros(got.size, bool)
    tile[got.size // 3 : got.size // 3 + max(8, got.size // 16)] = True
    spoilt = np.where(tile, got * 1.01, got)
    caught = bool((np.abs(spoilt - expected) > allowed).any())
    ok = worst <= 1.0 and caught
    print(f"{'ok ' if ok else 'BAD'} {what:<34} {worst:6.3f} of what rounding may do; a tile 1 % off is {'seen' if caught else 'NOT SEEN'}")
    return ok


def same(what, got, expected):
    got, expected = (np.ascontiguousarray(x).view(np.uint8).ravel() for x in (got, expected))
    spoilt = got.copy()
    spoilt[got.size // 2] ^= 1
    ok = np.array_equal(got, expected) and not np.array_equal(spoilt, expected)
    print(f"{'ok ' if ok else 'BAD'} {what:<34} exact")
    return ok


def noise(*shape):
    return rng.uniform(-1, 1, shape).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rotate(x, angle):
    """Halves of the last axis turned by an angle each (arXiv 2104.09864)."""
    h = x.shape[-1] // 2
    a, b, co, si = x[..., :h], x[..., h:], np.cos(angle), np.sin(angle)
    return np.concatenate([a * co - b * si, b * co + a * si], -1)


def e4m3(x):
    """OCP FP8 E4M3 codes: the nearest, of two as near the even one, never beyond 448."""
    codes = np.arange(127)
    e, f = codes >> 3, codes & 7
    values = np.where(e == 0, f * 2.0**-9, (1 + f / 8) * 2.0 ** (e - 7.0))
    size = np.abs(x)
    at = np.clip(np.searchsorted(values, size), 1, 126)
    low, high = size - values[at - 1], values[at] - size
    nearer = np.where((low < high) | ((low == high) & ((at - 1) % 2 == 0)), at - 1, at)
    return (nearer | (np.signbit(x).astype(int) << 7)).astype(np.uint8)


def chacha8(key, block):
    """RFC 8439's block function with eight rounds and a counter of 64 bits."""
    s = np.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, block & 0xFFFFFFFF, block >> 32, 0, 0], np.uint32)
    w = s.copy()

    def turn(x, by):
        return np.uint32((int(x) << by | int(x) >> 32 - by) & 0xFFFFFFFF)

    def quarter(a, b, cc, d):
        for x, y, z, by in ((a, b, d, 16), (cc, d, b, 12), (a, b, d, 8), (cc, d, b, 7)):
            w[x] = np.uint32((int(w[x]) + int(w[y])) & 0xFFFFFFFF)
            w[z] = turn(w[z] ^ w[x], by)

    for _ in range(4):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return (w.astype(np.uint64) + s.astype(np.uint64)).astype(np.uint32)


def in_both(gpu, kind, f):
    give, take = (bits, wide) if kind == "bf16" else (lambda x: np.ascontiguousarray(x, np.float32), lambda x: x)
    hold = lambda x: (give(x), take(give(x)).astype(np.float64))  # noqa: E731
    return f(gpu, kind, give, take, hold)


def forward(gpu, kind, give, take, hold):
    ok = []
    rows, width, hidden, eps = 5, 200, 300, 1e-5
    (x, xv), (g, gv) = hold(noise(rows, width) * 3), hold(1 + 0.3 * noise(width))
    rms = lambda v: v / np.sqrt((v * v).mean(-1, keepdims=True) + np.float64(np.float32(eps)))  # noqa: E731
    which = np.array([4, 0, 2], np.uint32)
    ok.append(judge(f"norm_{kind}", kind, take(gpu.run(f"norm_{kind}", [rows], 256, give(0 * xv), x, g, None, width, eps)[0]), rms(xv) * gv))
    got = gpu.run(f"norm_{kind}", [3], 256, give(np.zeros((3, width))), x, g, which, width, eps)[0]
    ok.append(judge(f"norm_{kind} of chosen rows", kind, take(got), rms(xv[which]) * gv))
    tokens = np.array([3, 0, 4], np.uint32)
    ok.append(same(f"embed_{kind}", gpu.run(f"embed_{kind}", [3], 256, give(np.zeros((3, width))), x, tokens, width)[0], x[tokens]))
    u, uv = hold(noise(rows, 2 * hidden) * 4)
    silu = uv[:, :hidden] / (1 + np.exp(-uv[:, :hidden])) * uv[:, hidden:]
    ok.append(judge(f"gate_{kind}", kind, take(gpu.run(f"gate_{kind}", [rows, 2], 256, give(np.zeros((rows, hidden))), u, hidden)[0]), silu))
    return ok


def looking_back(gpu, kind, give, take, hold):
    ok = []
    for heads, kv, d, context in [(6, 2, 32, 40), (3, 1, 64, 90), (2, 2, 128, 70)]:
        n, total = context - 5, (heads + 2 * kv) * d
        raw = noise(n, total)
        raw[:, (heads + kv) * d :] = 1 + 0.5 * raw[:, (heads + kv) * d :]  # no cancelling: a hundredth must be more than the noise of shares
        qkv, v = hold(raw)
        position, sequence = np.arange(n, dtype=np.uint32), np.ones(n, np.uint32)
        angle = np.arange(context)[:, None] / 1e4 ** (np.arange(d // 2) / (d // 2))
        angles = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
        caches = give(np.zeros((2, kv, context, d)))
        placed = gpu.run(f"place_{kind}", [n], 64, qkv, caches, caches, sequence, position, angles, heads, kv, d, context)
        parts = v.reshape(n, heads + 2 * kv, d)
        turned = rotate(parts[:, : heads + kv], angle[:n, None])
        shape = f"{heads} heads of {d}"
        ok.append(judge(f"place_{kind} queries, {shape}", kind, take(placed[0]).reshape(n, -1, d)[:, :heads], turned[:, :heads]))
        ok.append(judge(f"place_{kind} keys, {shape}", kind, take(placed[1])[1, :, :n], turned[:, heads:].transpose(1, 0, 2)))
        ok.append(same(f"place_{kind} values, {shape}", placed[2][1, :, :n], qkv.reshape(n, -1, d)[:, heads + kv :].transpose(1, 0, 2)))
        # From what the kernel before has put there.
        q = take(placed[0]).astype(np.float64).reshape(n, -1, d)[:, :heads]
        k, val = (take(p).astype(np.float64)[1, :, :n] for p in placed[1:3])
        k, val = np.repeat(k, heads // kv, 0), np.repeat(val, heads // kv, 0)
        score = np.einsum("nhd,hmd->hnm", q, k) / np.sqrt(d)
        share = softmax(np.where(np.tri(n, dtype=bool), score, -np.inf))
        expected = np.einsum("hnm,hmd->nhd", share, val)
        scale = float(np.float32(1 / np.sqrt(np.float32(d))))
        args = [give(np.zeros((n, heads * d))), placed[0], placed[1], placed[2]]
        got = gpu.run(f"attend_one_{kind}", [n, kv], 128, *args, np.arange(n, dtype=np.uint32), sequence, position, heads, kv, d, context, scale)[0]
        ok.append(judge(f"attend_one_{kind}, {shape}", kind, take(got), expected))
        if kind == "bf16":
            tiles = np.array([[1, at, at, min(64, n - at)] for at in range(0, n, 64)], np.uint32)
            got = gpu.run(f"attend_many_{d}", [len(tiles), heads], 128, *args, tiles, heads, kv, context, scale)[0]
            # Shares are rounded to bf16 before they meet the values.
            slack = 2.0**-8 * np.einsum("hnm,hmd->nhd", share, np.abs(val)).ravel()
            ok.append(judge(f"attend_many_{d}", kind, take(got), expected, slack))
    return ok


def products(gpu, kind, give, take, hold):
    ok = []
    for out in ["f32"] if kind == "f32" else ["f32", "bf16"]:
        for m, n, k in [(70, 130, 96), (1, 64, 33), (64, 9, 300)]:
            (a, av), (b, bv) = hold(noise(m, k)), hold(noise(n, k))
            start = noise(m, n)
            held = start if out == "f32" else bits(start)
            startv = (held if out == "f32" else wide(held)).astype(np.float64)
            s = [np.uint64(x) for x in (k, 1, 1, k, n, 0, 0, 0)]
            got = gpu.run(f"product_{kind}_{out}", [-(-n // 64), -(-m // 64), 1], 128, held, a, b, m, n, k, *s, 0.75, 1)[0]
            # A sum that cancels keeps the noise of its parts.
            slack = 1e-6 * (0.75 * np.abs(av) @ np.abs(bv).T).ravel()
            ok.append(judge(f"product_{kind}_{out} {m}x{n}x{k}", out, got if out == "f32" else wide(got), startv + 0.75 * av @ bv.T, slack))
    return ok


def backward(gpu, kind, give, take, hold):
    ok = []
    length, d, heads = 50, 16, 3
    (qkv, v), angle = hold(noise(2 * length, heads * d)), np.arange(length)[:, None] / 1e4 ** (np.arange(d // 2) / (d // 2))
    angles = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    got = gpu.run(f"turn_{kind}", [2 * length], 256, qkv, angles, 2, heads * d, d, length, -1.0)[0]
    turned = v.reshape(2, length, heads, d).copy()
    turned[:, :, :2] = rotate(turned[:, :, :2], -angle[:, None])
    ok.append(judge(f"turn_{kind}", kind, take(got), turned))
    s, sv = hold(noise(2 * length, length) * 3)
    share = softmax(np.where(np.tri(length, dtype=bool), sv.reshape(2, length, length) * 0.25, -np.inf))
    got = gpu.run(f"softmax_{kind}", [2 * length], 128, s, length, 0.25)[0]
    ok.append(judge(f"softmax_{kind}", kind, take(got), share))
    (p, pv), (dp, dpv) = hold(share.reshape(-1, length)), hold(noise(2 * length, length))
    got = gpu.run(f"softmax_back_{kind}", [2 * length], 128, dp, p, length, 0.25)[0]
    ok.append(judge(f"softmax_back_{kind}", kind, take(got), 0.25 * pv * (dpv - (pv * dpv).sum(-1, keepdims=True))))
    rows, hidden = 6, 300
    (u, uv), (dg, dgv) = hold(noise(rows, 2 * hidden) * 3), hold(noise(rows, hidden))
    gate, up = uv[:, :hidden], uv[:, hidden:]
    sig = 1 / (1 + np.exp(-gate))
    got = gpu.run(f"gate_back_{kind}", [rows, 2], 256, give(0 * uv), dg, u, hidden)[0]
    expected = np.concatenate([dgv * up * (sig + gate * sig * (1 - sig)), dgv * gate * sig], -1)
    ok.append(judge(f"gate_back_{kind}", kind, take(got), expected))
    width, eps = 160, 1e-5
    (x, xv), (g, gv), (dy, dyv), (dx, dxv) = hold(noise(rows, width)), hold(1 + 0.3 * noise(width)), hold(noise(rows, width)), hold(noise(rows, width))
    r = 1 / np.sqrt((xv * xv).mean(-1, keepdims=True) + eps)
    got = gpu.run(f"norm_back_{kind}", [rows], 256, dx, np.zeros(rows, np.float32), x, g, dy, width, eps)
    expected = dxv + r * gv * dyv - xv * r**3 * (gv * dyv * xv).mean(-1, keepdims=True)
    ok.append(judge(f"norm_back_{kind}", kind, take(got[0]), expected, 2e-6))
    ok.append(judge(f"norm_back_{kind} scales", "f32", got[1], r))
    got = gpu.run(f"gains_back_{kind}", [2], 128, give(0 * gv), x, dy, r.astype(np.float32), width, rows)[0]
    ok.append(judge(f"gains_back_{kind}", kind, take(got), (dyv * xv * r.astype(np.float32)).sum(0), 2e-6))
    vocabulary, wanted = 700, rng.integers(0, 700, rows).astype(np.uint32)
    logits = noise(rows, vocabulary) * 5
    got = gpu.run(f"cross_entropy_{kind}", [rows], 256, give(np.zeros((rows, vocabulary))), np.zeros(rows, np.float32), logits, wanted, vocabulary, rows)
    prob = softmax(logits.astype(np.float64))
    ok.append(judge(f"cross_entropy_{kind} loss", "f32", got[1], -np.log(prob[np.arange(rows), wanted])))
    prob[np.arange(rows), wanted] -= 1
    ok.append(judge(f"cross_entropy_{kind} gradient", kind, take(got[0]), prob / rows))
    (e, ev), order = hold(noise(9, width)), np.array([0, 3, 5, 1, 2, 4], np.uint32)
    begins, tokens = np.array([0, 3, 4, 6], np.uint32), np.array([7, 0, 2], np.uint32)
    expected = ev.copy()
    for t, a, b in zip(tokens, begins, begins[1:]):
        expected[t] += dyv[order[a:b]].sum(0)
    got = gpu.run(f"embed_back_{kind}", [3], 256, e, dy, tokens, begins, order, width)[0]
    ok.append(judge(f"embed_back_{kind}", kind, take(got), expected, 1e-6))
    n, rate, a, b = 1000, 0.01, 0.271, 0.002997
    master, mean, square, (gr, grv) = noise(n), 0.1 * noise(n), 0.01 * np.abs(noise(n)), hold(noise(n))
    got = gpu.run(f"adamw_{kind}", [4], 256, give(noise(n)), master, mean, square, gr, np.array([rate, a, b], np.float32), np.uint64(n))
    m, q = 0.9 * mean.astype(np.float64) + 0.1 * grv, 0.999 * square.astype(np.float64) + 0.001 * grv**2
    w = master - rate * (m / a) / (np.sqrt(q / b) + 1e-8)
    for what, kd, g1, e1 in [("weights", kind, take(got[0]), w), ("master", "f32", got[1], w), ("mean", "f32", got[2], m), ("square", "f32", got[3], q)]:
        ok.append(judge(f"adamw_{kind} {what}", kd, g1, e1))
    return ok


def drawing(gpu, kind, give, take, hold):
    ok = []
    key, first, count, inputs, outputs = rng.integers(0, 2**32, 8).astype(np.uint32), 21, 600, 20, 30
    words = np.concatenate([chacha8([int(k) for k in key], n) for n in range((first + count) // 16 + 1)])[first : first + count]
    uniform = (words >> 8).astype(np.float32) / np.float32(8388608) - np.float32(1)
    drawn = (np.float32(0.5) + np.float32(0.02) * uniform).astype(np.float32)
    laid = drawn.reshape(inputs, outputs).T
    u64 = [np.uint64(x) for x in (first, count, inputs, outputs)]
    got = gpu.run(f"fill_{kind}", [1], 256, give(np.zeros((outputs, inputs))), key, *u64, 0.02, 0.5)[0]
    ok.append(same(f"fill_{kind}", got.view(np.uint16), give(laid).view(np.uint16)))
    got = gpu.run(f"take_{kind}", [3], 256, give(np.zeros((outputs, inputs))), drawn, np.uint64(0), *u64[1:])[0]
    ok.append(same(f"take_{kind}", got.view(np.uint16), give(laid).view(np.uint16)))
    x, xv = hold(np.concatenate([noise(900) * 7, noise(100) * 1e-3]))
    got = gpu.run(f"magnitude_{kind}", [3], 256, np.zeros(1, np.float32), x, np.uint64(x.size))[0]
    ok.append(same(f"magnitude_{kind}", got.view(np.uint32), np.float32([np.abs(xv).max()]).view(np.uint32)))
    got = gpu.run(f"narrow_{kind}", [4], 256, np.zeros(x.size, np.uint8), np.zeros(1, np.float32), x, got, np.uint64(x.size))
    by = np.float32(448) / np.float32(np.abs(xv).max())
    ok.append(same(f"narrow_{kind}", got[0], e4m3((xv.astype(np.float32) * by).astype(np.float64))))
    ok.append(judge(f"narrow_{kind} scale", "f32", got[1], [1 / np.float64(by)]))
    return ok


def choosing(gpu):
    rows, vocabulary = 40, 1500
    logits = noise(rows, vocabulary) * 4
    sums = np.cumsum(softmax(logits.astype(np.float64)), -1)
    draw = rng.integers(0, 2**32, rows).astype(np.int64)
    # Not where float sums could decide otherwise.
    for r in range(rows):
        while np.abs(sums[r] - draw[r] / 2**32).min() < 1e-6:
            draw[r] = rng.integers(0, 2**32)
    expected = np.array([np.searchsorted(s, t / 2**32, side="right") for s, t in zip(sums, draw)], np.uint32)
    draw[:10], expected[:10] = -1, logits[:10].argmax(-1)
    got = gpu.run("choose", [rows], 1024, np.zeros(rows, np.uint32), np.zeros(1, np.uint32), logits, draw, vocabulary)
    words = rng.integers(0, 2**32, 700).astype(np.uint32)
    copied = gpu.run("copy", [3], 256, np.zeros(700, np.uint32), words, np.uint64(700))[0]
    return [same("choose", got[0], expected), same("choose: nothing bad", got[1], np.zeros(1, np.uint32)), same("copy", copied, words)]


def main():
    gpu = Gpu(*sys.argv[1:3])
    ok = choosing(gpu)
    for kind in ("f32", "bf16"):
        for part in (forward, looking_back, products, backward, drawing):
            ok += in_both(gpu, kind, part)
    there = set(re.findall(r"\.entry ([a-z0-9_]+)\(", gpu.text.decode()))
    for name in sorted(there - gpu.used):
        print(f"BAD {name}: never tried")
    print(f"{len(gpu.used)} kernels of {len(there)}, {len(ok)} comparisons, {ok.count(False)} disagree")
    return 0 if all(ok) and there == gpu.used else 1


if __name__ == "__main__":
    sys.exit(main())
