#!/bin/sh
# Every check that needs a real GPU, in one command, on a machine that has one but no Rust: it takes a release binary that was carried there.
# Reads only: no power limit, clock or mode of the card is changed (and the check fails if one has changed all the same).
#
#   tests/gpu/check.sh [BINARY] [ACCELERATOR]      evidence goes to $OUT (default: ./gpu-evidence)
#
# The important first, each part with a budget, so that all fits 600 s: what the engine does beside PyTorch (300 s), training and FP8 (25 s each), a run (60 s), the
# sensors with what is left (quick below 680 s: a full check takes ten minutes, by ORBITBENCH_GPU_PARTS=sensors ORBITBENCH_GPU_TOTAL_S=760). Budgets are printed; what is ended by one FAILED, and what it had found is kept.
# ORBITBENCH_GPU_TOTAL_S sets another total, ORBITBENCH_GPU_PARTS ("engine", "sensors") leaves a part out.
#
# Exit code: 0 if nothing FAILED, 1 if something did, 2 without a program. What is ABSENT or SKIPPED is said and fails nothing.
# ORBITBENCH_GPU_MODEL, _BATCH, _SECONDS and _REPEATS settle how the built-in engine is timed (8b, 128, windows of 6 s, 4 of each side).
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

# Cards are counted as NVML counts them, by all that is started here.
CUDA_DEVICE_ORDER=PCI_BUS_ID
export CUDA_DEVICE_ORDER

total=${ORBITBENCH_GPU_TOTAL_S:-580}
begun=$(date +%s)
left() {
    echo $((total - $(date +%s) + begun))
}

# Seconds for a part: what it wants, and no more than there are.
budget() {
    have=$(left)
    [ "$have" -lt "$1" ] && echo "$have" || echo "$1"
}

# Ends what outlasts its seconds, politely first. Without coreutils it is not ended.
within() {
    limit=$1
    shift
    if command -v timeout >/dev/null 2>&1; then timeout -k 10 "$limit" "$@"; else "$@"; fi
}

# What was asked, in how many seconds at most, whether it was answered, and where the answer is.
step() {
    name=$1
    wanted=$(budget "$2")
    shift 2
    if [ "$wanted" -lt 5 ]; then
        echo "ABSENT  $name: no time left of $total s" | tee -a "$out/summary.txt"
        return
    fi
    from=$(date +%s)
    within "$wanted" "$@" >"$out/$name.txt" 2>"$out/$name.err"
    code=$?
    took="$(($(date +%s) - from)) of $wanted s"
    if [ $code -eq 0 ]; then
        echo "ok      $name, $took" | tee -a "$out/summary.txt"
    elif [ $code -eq 124 ]; then
        echo "FAILED  $name: ended by its budget, $took" | tee -a "$out/summary.txt"
        failed=1
    else
        echo "FAILED  $name, $took ($(tail -n 1 "$out/$name.err"))" | tee -a "$out/summary.txt"
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

echo "budget  $total s: compare 300, engine-train 25, engine-fp8 25, run ${ORBITBENCH_GPU_RUN_S:-45}, check with what is left" | tee -a "$out/summary.txt"
step info 20 "$binary" accelerator info

# ORBITBENCH_GPU_QUICK: to see that this script works, not to quote.
quick=${ORBITBENCH_GPU_QUICK:+--quick}
measure_sensors() {
    work=${ORBITBENCH_GPU_WORK:-}
    if [ -z "$work" ] && python3 -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1; then
        work="command:exec python3 $here/work.py"
    fi

    # A real run beside the emulated plate: it stages, it is stopped, it ends safe, and every reading is in its folder.
    mkdir -p "$out/runs"
    "$binary" run --headless --rig gpu-only --accelerator "$accelerator" --workload "${work:-none}" --out "$out/runs" >"$out/run.txt" 2>"$out/run.err" &
    engine=$!
    sleep "${ORBITBENCH_GPU_RUN_S:-45}"
    kill -TERM "$engine" 2>/dev/null
    if wait "$engine" && grep -q 'SAFE CONFIRMED' "$out/run.txt"; then
        echo "ok      run" | tee -a "$out/summary.txt"
    else
        echo "FAILED  run ($(tail -n 1 "$out/run.err"))" | tee -a "$out/summary.txt"
        failed=1
    fi

    # A full check takes some ten minutes, a quick one half of one: enough to see that it works, not to quote, and it says so itself. What polling costs the
    # engine is measured beside PyTorch, above.
    short=$quick
    [ "$(left)" -lt 680 ] && short=--quick
    if [ -n "$work" ]; then
        step check 700 "$binary" accelerator check "$accelerator" --workload "$work" --out "$out/check.toml" $short
    else
        echo "SKIPPED everything under load: no PyTorch, and ORBITBENCH_GPU_WORK names no work" | tee -a "$out/summary.txt"
        step check-idle 700 "$binary" accelerator check "$accelerator" --out "$out/check.toml" $short
    fi
}

measure_engine() {
    # The built-in engine: does it work here, by which products, and how fast beside PyTorch. Each task is one process, whose windows are the repeats.
    card=${accelerator#nvml:}
    model=${ORBITBENCH_GPU_MODEL:-8b}
    batch=${ORBITBENCH_GPU_BATCH:-128}
    seconds=${ORBITBENCH_GPU_SECONDS:-6}
    if command -v python3 >/dev/null 2>&1; then
        # Ends by itself before it would be ended.
        wanted=$(budget 300)
        step compare "$wanted" python3 "$here/compare.py" "$binary" "$card" "$out" --model "$model" --batch "$batch" --seconds "$seconds" \
            --repeats "${ORBITBENCH_GPU_REPEATS:-4}" --budget $((wanted > 60 ? wanted - 20 : wanted)) $quick
    else
        echo "ABSENT  compare: no python3" | tee -a "$out/summary.txt"
        for task in decode prefill mixed; do
            step "engine-$task" 60 "$binary" workload bench "cuda:$card:$model:$task:bf16:batch=$batch" --duration "${seconds}s" --json
        done
    fi
    # AdamW on 8 billion weights fits no card.
    of=$model
    [ "$model" = 8b ] && of=1b
    many=8
    [ -n "$quick" ] && many=1
    step engine-train 25 "$binary" workload bench "cuda:$card:$of:train:bf16:batch=$many" --duration "${seconds}s" --json
    # Refused on a card that has no FP8, or without cuBLASLt: not a failure of ours, and said.
    if [ "$(left)" -lt 5 ]; then
        echo "ABSENT  engine-fp8: no time left of $total s" | tee -a "$out/summary.txt"
    elif within "$(budget 25)" "$binary" workload bench "cuda:$card:$model:prefill:fp8:batch=$batch" --duration "${seconds}s" --json >"$out/engine-fp8.txt" 2>"$out/engine-fp8.err"; then
        echo "ok      engine-fp8" | tee -a "$out/summary.txt"
    else
        echo "ABSENT  engine-fp8 ($(tail -n 1 "$out/engine-fp8.err"))" | tee -a "$out/summary.txt"
    fi
    # Each kernel by itself on this card's own driver, against NumPy.
    if python3 -c 'import numpy' >/dev/null 2>&1; then
        step kernels "$(budget 40)" python3 "$here/../peers/gpu_kernels.py" "${ORBITBENCH_CUDA:-libcuda.so.1}" "$here/../../bench/workload/gpu/kernels/kernels.ptx"
    else
        echo "ABSENT  kernels: no Python with NumPy" | tee -a "$out/summary.txt"
    fi
}

# Either part may be left out.
for part in ${ORBITBENCH_GPU_PARTS:-engine sensors}; do
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
