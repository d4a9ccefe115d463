#!/usr/bin/env python3
"""Makes kernels.ptx from the .cu files beside it, with the pinned NVRTC: `make_ptx.py`; `make_ptx.py --check` compares instead and changes nothing.

NVRTC 12.2 (PyPI `nvidia-cuda-nvrtc-cu12==12.2.140`) writes PTX 8.2, which drivers from R535 on take; newer ones write a newer ISA that older drivers refuse. Compiling
needs no GPU. The library is looked for beside the running Python's packages.
"""

import ctypes
import pathlib
import re
import site
import sys

PINNED = "12.2.140"
FILES = ["common.cu", "weights.cu", "decoder.cu", "attention.cu", "product.cu", "training.cu"]
OPTIONS = [b"--gpu-architecture=compute_80", b"--std=c++17", b"--restrict", b"-default-device"]
HERE = pathlib.Path(__file__).resolve().parent


def library():
    for folder in site.getsitepackages() + [site.getusersitepackages()]:
        found = sorted(pathlib.Path(folder).glob("nvidia/cuda_nvrtc/lib/libnvrtc.so.*"))
        if found:
            return ctypes.CDLL(str(found[0]))
    sys.exit(f"no NVRTC here: pip install nvidia-cuda-nvrtc-cu12=={PINNED}")


def compile_all(source):
    nvrtc = library()
    program = ctypes.c_void_p()
    made = nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
    options = (ctypes.c_char_p * len(OPTIONS))(*OPTIONS)
    made = made or nvrtc.nvrtcCompileProgram(program, len(OPTIONS), options)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if log.value.strip():
        print(log.value.decode(), file=sys.stderr)
    if made:
        sys.exit(f"NVRTC refuses the kernels ({made})")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return ptx.value.decode()


def main():
    # Line numbers of the compiler's words are those of the files.
    source = "".join(f'#line 1 "{name}"\n' + (HERE / name).read_text() for name in FILES)
    ptx = compile_all(source)
    ptx = re.sub(r"[ \t]+$", "", ptx, flags=re.M)
    shipped = HERE / "kernels.ptx"
    if "--check" in sys.argv[1:]:
        if not shipped.exists() or shipped.read_text() != ptx:
            sys.exit("kernels.ptx is not what the sources give: run make_ptx.py with the pinned NVRTC and commit the result")
        print(f"kernels.ptx is what NVRTC makes of the sources ({len(ptx)} characters)")
    else:
        shipped.write_text(ptx)
        print(f"{shipped}: {len(ptx)} characters, {ptx.count('.entry')} kernels")


if __name__ == "__main__":
    main()
