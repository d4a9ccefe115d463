#!/bin/sh
# Builds the test doubles of the CUDA driver and of cuBLASLt into a folder: build.sh FOLDER. They simulate; nothing that runs on them says anything of speed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out"
# The table of kernels is made of what the shipped PTX has.
sed -n 's/.*\.entry \([a-z0-9_]*\)(.*/KERNEL(\1)/p' "$here/../kernels/kernels.ptx" >"$out/kernels.inc"
# No fused multiply-adds: a host that has them would round otherwise than one that has not.
flags="-std=c++17 -O3 -fPIC -shared -ffp-contract=off -fno-strict-aliasing -Wall -Wno-unknown-pragmas -Wno-unused-function"
# shellcheck disable=SC2086
${CXX:-c++} $flags -I"$out" -I"$here" "$here/stub_cuda.cpp" -Wl,-soname,libcuda.so.1 -o "$out/libcuda.so.1"
# shellcheck disable=SC2086
${CXX:-c++} $flags "$here/stub_blaslt.cpp" "$out/libcuda.so.1" -Wl,-soname,libcublasLt.so.12 -Wl,-rpath,'$ORIGIN' -o "$out/libcublasLt.so.12"
