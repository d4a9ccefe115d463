"""The shipped kernels through NVIDIA's own assembler, for every kind of card they are meant for: what a driver does when it loads them, without a card.

    gpu_assemble.py KERNELS_PTX

ptxas of PyPI's nvidia-cuda-nvcc-cu12 (12.2, the toolkit whose PTX the kernels are) is looked for beside the running Python's packages; without it: exit 77. Each kernel
must be taken, keep everything in registers, and fit a multiprocessor with as many threads as it is launched with: a driver that cannot place a block refuses the launch
(CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": 65536 registers, given to warps in units of 256; 48 KB of shared memory without asking).
The negative control: text with an instruction that there is none of, and a block that needs too many registers, are refused. Exit 0: all fit and both were.
"""

import pathlib
import re
import site
import subprocess
import sys
import tempfile

CARDS = [80, 86, 89, 90]
# Threads of a block; 256 where nothing is said. As decoder.rs, product.rs and train/*.rs launch them.
THREADS = [("choose", 1024), ("attend_", 128), ("product_", 128), ("softmax", 128), ("gains_back", 128)]
REGISTERS, SHARED = 65536, 48 * 1024


def assembler():
    for folder in site.getsitepackages() + [site.getusersitepackages()]:
        found = pathlib.Path(folder) / "nvidia/cuda_nvcc/bin/ptxas"
        if found.exists():
            return str(found)
    print("no ptxas here: pip install nvidia-cuda-nvcc-cu12==12.2.140")
    sys.exit(77)


def assemble(ptxas, path, card):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([ptxas, "-v", f"-arch=sm_{card}", path, "-o", f"{folder}/out"], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def threads_of(name):
    return next((n for start, n in THREADS if name.startswith(start)), 256)


def fits(registers, shared, threads):
    warp = -(-registers * 32 // 256) * 256
    return warp * -(-threads // 32) <= REGISTERS and shared <= SHARED


def main():
    ptxas, path, wrong = assembler(), sys.argv[1], []
    text = pathlib.Path(path).read_text()
    entries = set(re.findall(r"\.entry (\w+)\(", text))
    for card in CARDS:
        code, said = assemble(ptxas, path, card)
        if code:
            wrong.append(f"sm_{card}: {said.strip()[:400]}")
            continue
        seen, most = set(), (0, "")
        for part in said.split("Compiling entry function ")[1:]:
            name = re.match(r"'(\w+)'", part)[1]
            registers = int(re.search(r"Used (\d+) registers", part)[1])
            shared = int((re.search(r"(\d+) bytes smem", part) or [0, 0])[1])
            spilt = sum(map(int, re.findall(r"(\d+) bytes spill", part)))
            seen.add(name)
            most = max(most, (registers * threads_of(name), f"{name}: {registers} registers, {shared} bytes shared"))
            if spilt or not fits(registers, shared, threads_of(name)):
                wrong.append(f"sm_{card} {name}: {registers} registers, {shared} bytes shared, {spilt} spilt, {threads_of(name)} threads")
        if seen != entries:
            wrong.append(f"sm_{card}: not assembled: {sorted(entries - seen)}")
        print(f"sm_{card}: {len(seen)} kernels of {len(entries)} fit; the largest is {most[1]}")
    with tempfile.TemporaryDirectory() as folder:
        spoilt = f"{folder}/spoilt.ptx"
        pathlib.Path(spoilt).write_text(text.replace("add.f32", "add.f33", 1))
        if assemble(ptxas, spoilt, CARDS[0])[0] == 0 or fits(80, 0, 1024) or not fits(64, 0, 1024) or fits(32, SHARED + 1, 32):
            wrong.append("the negative control was let through")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
