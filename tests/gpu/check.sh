#!/bin/sh
# Every check that needs a real GPU, in one command, on a machine that has one but no Rust: it takes a release binary that was carried there.
# Reads only: no power limit, clock or mode of the card is changed (and the check fails if one has changed all the same).
#
#   tests/gpu/check.sh [BINARY] [ACCELERATOR]      evidence goes to $OUT (default: ./gpu-evidence)
#
# ORBITBENCH_GPU_MODEL, _BATCH, _SECONDS and _REPEATS settle how the built-in engine is timed (8b, 128, 20, 5).
# ORBITBENCH_GPU_WORK names the work that loads the card (a --workload of orbitbench). Without it PyTorch is used if it is there, and
# otherwise only what an idle card shows is found, which the summary says.
set -u
binary=${1:-target/release/orbitbench}
accelerator=${2:-nvml:0}
out=${OUT:-gpu-evidence}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out" || exit 1
failed=0
[ -x "$binary" ] || { echo "no program at $binary: build it with cargo build --release and carry it here" >&2; exit 2; }

# What was asked, whether it was answered, and where the answer is.
step() {
    name=$1
    shift
    if "$@" >"$out/$name.txt" 2>"$out/$name.err"; then
        echo "ok      $name" | tee -a "$out/summary.txt"
    else
        echo "FAILED  $name ($(tail -n 1 "$out/$name.err"))" | tee -a "$out/summary.txt"
        failed=1
    fi
}

settings() {
    nvidia-smi --query-gpu=uuid,power.limit,clocks.max.sm,persistence_mode,compute_mode,mig.mode.current,ecc.mode.current --format=csv
}

: >"$out/summary.txt"
"$binary" --version >"$out/version.txt" 2>&1
date -u +%Y-%m-%dT%H:%M:%SZ >"$out/when.txt"
if command -v nvidia-smi >/dev/null 2>&1; then
    settings >"$out/settings-before.txt" 2>&1
    nvidia-smi -q >"$out/nvidia-smi.txt" 2>&1
fi

step info "$binary" accelerator info

# ORBITBENCH_GPU_QUICK: to see that this script works, not to quote.
quick=${ORBITBENCH_GPU_QUICK:+--quick}
measure_sensors() {
    work=${ORBITBENCH_GPU_WORK:-}
    if [ -z "$work" ] && python3 -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1; then
        work="command:exec python3 $here/work.py"
    fi
    if [ -n "$work" ]; then
        step check "$binary" accelerator check "$accelerator" --workload "$work" --out "$out/check.toml" $quick
    else
        echo "SKIPPED everything under load: no PyTorch, and ORBITBENCH_GPU_WORK names no work" | tee -a "$out/summary.txt"
        step check-idle "$binary" accelerator check "$accelerator" --out "$out/check.toml" $quick
        work=none
    fi

    # A few minutes of a real run beside the emulated plate: it stages, it is stopped, it ends safe, and every reading is in its folder.
    mkdir -p "$out/runs"
    "$binary" run --headless --rig gpu-only --accelerator "$accelerator" --workload "$work" --out "$out/runs" >"$out/run.txt" 2>"$out/run.err" &
    engine=$!
    sleep "${ORBITBENCH_GPU_RUN_S:-90}"
    kill -TERM "$engine" 2>/dev/null
    if wait "$engine" && grep -q 'SAFE CONFIRMED' "$out/run.txt"; then
        echo "ok      run" | tee -a "$out/summary.txt"
    else
        echo "FAILED  run ($(tail -n 1 "$out/run.err"))" | tee -a "$out/summary.txt"
        failed=1
    fi
}

measure_engine() {
    # The built-in engine: does it work here, by which products, and how fast beside PyTorch. Without Python our side is timed alone.
    card=${accelerator#nvml:}
    model=${ORBITBENCH_GPU_MODEL:-8b}
    batch=${ORBITBENCH_GPU_BATCH:-128}
    seconds=${ORBITBENCH_GPU_SECONDS:-20}
    for task in decode prefill mixed train; do
        of=$model
        # AdamW on 8 billion weights fits no card.
        [ "$task" = train ] && [ "$model" = 8b ] && of=1b
        many=$batch
        [ "$task" = train ] && many=8
        [ -n "$quick" ] && many=1
        step "engine-$task" "$binary" workload bench "cuda:$card:$of:$task:bf16:batch=$many" --duration "${seconds}s" --json
    done
    # Refused on a card that has no FP8, or without cuBLASLt: not a failure of ours, and said.
    if "$binary" workload bench "cuda:$card:$model:prefill:fp8:batch=$batch" --duration "${seconds}s" --json >"$out/engine-fp8.txt" 2>"$out/engine-fp8.err"; then
        echo "ok      engine-fp8" | tee -a "$out/summary.txt"
    else
        echo "ABSENT  engine-fp8 ($(tail -n 1 "$out/engine-fp8.err"))" | tee -a "$out/summary.txt"
    fi
    # Each kernel by itself on this card's own driver, against NumPy.
    if python3 -c 'import numpy' >/dev/null 2>&1; then
        step kernels python3 "$here/../peers/gpu_kernels.py" "${ORBITBENCH_CUDA:-libcuda.so.1}" "$here/../../bench/workload/gpu/kernels/kernels.ptx"
    else
        echo "ABSENT  kernels: no Python with NumPy" | tee -a "$out/summary.txt"
    fi
    if command -v python3 >/dev/null 2>&1; then
        step compare python3 "$here/compare.py" "$binary" "$card" "$out" --model "$model" --batch "$batch" --seconds "$seconds" \
            --repeats "${ORBITBENCH_GPU_REPEATS:-5}"
    else
        echo "ABSENT  compare: no python3" | tee -a "$out/summary.txt"
    fi
}

# Either part may be left out.
for part in ${ORBITBENCH_GPU_PARTS:-sensors engine}; do
    "measure_$part"
done

# Which columns the card filled: what is empty here is what it does not give.
for samples in "$out"/runs/*/samples.csv; do
    awk -f "$here/filled.awk" "$samples"
done >"$out/filled.txt" 2>&1

if command -v nvidia-smi >/dev/null 2>&1; then
    settings >"$out/settings-after.txt" 2>&1
    if cmp -s "$out/settings-before.txt" "$out/settings-after.txt"; then
        echo "ok      settings are what they were" | tee -a "$out/summary.txt"
    else
        echo "FAILED  settings have changed: see settings-before.txt and settings-after.txt" | tee -a "$out/summary.txt"
        failed=1
    fi
fi
[ -f "$out/compare.txt" ] && cat "$out/compare.txt"
[ -f "$out/check.txt" ] && cat "$out/check.txt"
[ -f "$out/filled.txt" ] && cat "$out/filled.txt"
exit $failed
