#!/bin/sh
# Every check that needs a real GPU, in one command, on a machine that has one but no Rust: it takes a release binary that was carried there.
# Reads only: no power limit, clock or mode of the card is changed (and the check fails if one has changed all the same).
#
#   tests/gpu/check.sh [BINARY] [ACCELERATOR]      evidence goes to $OUT (default: ./gpu-evidence)
#
# The most valuable first, each part with a budget that ends it, so that all fits 580 s by the sum that is printed: what the engine does beside PyTorch, a run that flies (its
# staging alone takes some 76 s) with the engine as its work, the sensors under that engine's load (quick below 700 s left: a full check takes ten minutes, by
# ORBITBENCH_GPU_PARTS=sensors ORBITBENCH_GPU_TOTAL_S=900), training, FP8, the kernels. What is ended by its budget FAILED, and what it had found is kept.
# ORBITBENCH_GPU_TOTAL_S sets another total, ORBITBENCH_GPU_PARTS ("engine", "sensors", "rest") leaves a part out.
#
# Exit code: 0 if nothing FAILED, 1 if something did, 2 without a program. What is ABSENT or SKIPPED is said and fails nothing.
# ORBITBENCH_GPU_MODEL, _BATCH, _SECONDS and _REPEATS settle how the built-in engine is timed (8b, 128, windows of 4 s, 4 of each side).
# ORBITBENCH_GPU_WORK names other work that loads the card (a --workload of orbitbench, such as "command:exec python3 tests/gpu/work.py") in run and check than the built-in engine on the same card.
# ORBITBENCH_GPU_RUN_S and _MISSION_S: budget of the run, and how long it flies after staging; _COMPARE_S, _CHECK_S, _TRAIN_S, _FP8_S, _KERNELS_S, _INFO_S: of the others.
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
    if command -v timeout >/dev/null 2>&1; then timeout -k 20 "$limit" "$@"; else "$@"; fi
}

# Most seconds of each part. Their sum is the total.
compare_s=${ORBITBENCH_GPU_COMPARE_S:-260}
run_s=${ORBITBENCH_GPU_RUN_S:-140}
check_s=${ORBITBENCH_GPU_CHECK_S:-65}
train_s=${ORBITBENCH_GPU_TRAIN_S:-45}
fp8_s=${ORBITBENCH_GPU_FP8_S:-20}
kernels_s=${ORBITBENCH_GPU_KERNELS_S:-15}
info_s=${ORBITBENCH_GPU_INFO_S:-15}
sum=$((compare_s + run_s + check_s + train_s + fp8_s + kernels_s + info_s))

# What must hold of a part that ended by itself, beyond its exit code: true if nothing is asked. A run must have flown, and measured its work.
holds() {
    [ "$1" != run ] && return 0
    grep -q 'SAFE CONFIRMED' "$out/run.txt" || { echo "it did not end with SAFE CONFIRMED" >>"$out/run.err"; return 1; }
    for summary in "$out"/runs/*/summary.json; do
        awk -f "$here/flown.awk" "$summary" >>"$out/run.err" 2>&1 || return 1
    done
}

# True if a part that failed says that this card cannot do it: no fault of ours, and said.
unable() {
    [ "$1" = engine-fp8 ] && grep -q 'FP8 needs' "$out/$1.err"
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
    if [ $code -eq 0 ] && holds "$name"; then
        echo "ok      $name, $took" | tee -a "$out/summary.txt"
    elif [ $code -ne 0 ] && unable "$name"; then
        echo "ABSENT  $name, $took ($(tail -n 1 "$out/$name.err"))" | tee -a "$out/summary.txt"
    elif [ $code -eq 124 ] || [ $code -eq 137 ]; then
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

echo "budget  $total s: info $info_s, compare $compare_s, run $run_s, check $check_s, engine-train $train_s, engine-fp8 $fp8_s, kernels $kernels_s: $sum s in all" | tee -a "$out/summary.txt"
[ "$sum" -gt "$total" ] && echo "        that is more than there is: the last of them will be ABSENT" | tee -a "$out/summary.txt"
step info "$info_s" "$binary" accelerator info

# ORBITBENCH_GPU_QUICK: to see that this script works, not to quote.
quick=${ORBITBENCH_GPU_QUICK:+--quick}
card=${accelerator#nvml:}
model=${ORBITBENCH_GPU_MODEL:-8b}
batch=${ORBITBENCH_GPU_BATCH:-128}
seconds=${ORBITBENCH_GPU_SECONDS:-4}
# AdamW on 8 billion weights fits no card, and their steps are long: a sensor's load is to be switched within some milliseconds.
of=$model
[ "$model" = 8b ] && of=1b

measure_sensors() {
    # A real run beside the emulated plate: it stages, it flies with the engine at work, it ends safe, and every reading is in its folder.
    mkdir -p "$out/runs"
    step run "$run_s" "$binary" run --headless --rig gpu-only --accelerator "$accelerator" --workload "${ORBITBENCH_GPU_WORK:-cuda:$card:$model:decode:bf16:batch=$batch}" \
        --duration "${ORBITBENCH_GPU_MISSION_S:-40}s" --out "$out/runs"

    # A full check takes some ten minutes, a quick one most of one: enough to see that it works, not to quote, and it says so itself. What polling costs the
    # engine is measured beside PyTorch, above.
    short=$quick
    [ "$(left)" -lt 700 ] && short=--quick
    [ -z "$short" ] && check_s=$(left)
    step check "$check_s" "$binary" accelerator check "$accelerator" --workload "${ORBITBENCH_GPU_WORK:-cuda:$card:$of:prefill:bf16:batch=4}" --out "$out/check.toml" $short
}

measure_engine() {
    # The built-in engine: does it work here, by which products, and how fast beside PyTorch. Each task is one process, whose windows are the repeats.
    if command -v python3 >/dev/null 2>&1; then
        # Ends by itself before it would be ended.
        wanted=$(budget "$compare_s")
        step compare "$wanted" python3 "$here/compare.py" "$binary" "$card" "$out" --model "$model" --batch "$batch" --seconds "$seconds" \
            --repeats "${ORBITBENCH_GPU_REPEATS:-4}" --budget $((wanted > 60 ? wanted - 20 : wanted)) $quick
    else
        echo "ABSENT  compare: no python3" | tee -a "$out/summary.txt"
        for task in decode prefill mixed; do
            step "engine-$task" 60 "$binary" workload bench "cuda:$card:$model:$task:bf16:batch=$batch" --duration "${seconds}s" --json
        done
    fi
}

measure_rest() {
    many=8
    [ -n "$quick" ] && many=1
    step engine-train "$train_s" "$binary" workload bench "cuda:$card:$of:train:bf16:batch=$many" --duration "${seconds}s" --json
    # Refused on a card that has no FP8, or without cuBLASLt: not a failure of ours, and said. Whatever else ends it is one.
    step engine-fp8 "$fp8_s" "$binary" workload bench "cuda:$card:$model:prefill:fp8:batch=$batch" --duration "${seconds}s" --json
    # Each kernel by itself on this card's own driver, against NumPy.
    if python3 -c 'import numpy' >/dev/null 2>&1; then
        step kernels "$kernels_s" python3 "$here/../peers/gpu_kernels.py" "${ORBITBENCH_CUDA:-libcuda.so.1}" "$here/../../bench/workload/gpu/kernels/kernels.ptx"
    else
        echo "ABSENT  kernels: no Python with NumPy" | tee -a "$out/summary.txt"
    fi
}

# Either part may be left out.
for part in ${ORBITBENCH_GPU_PARTS:-engine sensors rest}; do
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
