// Runs the kernels on the host, for tests: a block's threads are fibers that switch at barriers and warp operations, one block after the other. What a GPU would
// not forgive ends the process with words: a barrier that not all reach, a shuffle that part of a warp leaves out.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define ORBIT_HOST 1
#define __global__
#define __device__
// One block runs at a time.
#define __shared__ static

struct Dim {
    unsigned x, y, z;
};
static Dim threadIdx, blockIdx, blockDim, gridDim;

enum Wait { READY, AT_BARRIER, IN_WARP, OVER };

struct Fiber {
#if defined(__x86_64__)
    void *top = nullptr;
#else
    ucontext_t context;
#endif
    Wait wait = READY;
    Dim at;
    char *stack = nullptr;
    int turn = 0;
};

union Word {
    float f[6];
    unsigned u[6];
};

static const size_t STACK = 128 * 1024;
static std::vector<Fiber> fibers;
static std::vector<Word> slots[2];
static Fiber *here;
// Behind the last thread of the warp that runs.
static Fiber *warp_end;
static void (*body)(void *);
static void *body_data;

[[noreturn]] static void broken(const char *what) {
    fprintf(stderr, "stub GPU: %s (block %u %u %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z);
    abort();
}

#if defined(__x86_64__)
static void *scheduler_top;
// Goes on from the other stack, where that one left off. By a jump where it stands: to a processor that predicts returns by calls, a `ret` to another stack is a
// surprise each time, and there are hundreds of millions of these.
static inline __attribute__((always_inline)) void change(void **from, void *to) {
    asm volatile(R"(
    leaq -128(%%rsp), %%rsp
    pushq %%rbp
    leaq 1f(%%rip), %%rax
    pushq %%rax
    movq %%rsp, (%0)
    movq %1, %%rsp
    popq %%rax
    jmp *%%rax
1:
    popq %%rbp
    leaq 128(%%rsp), %%rsp
)"
                 : "+D"(from), "+S"(to)
                 :
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#else
static ucontext_t scheduler_context;
#endif

// To the warp's next thread if that one is ready, as the scheduler would have it, else to the scheduler.
static inline void leave(Wait wait) {
    Fiber *me = here;
    me->wait = wait;
    Fiber *next = me + 1;
    bool on = next < warp_end && next->wait == READY;
    if (on) {
        here = next;
        threadIdx = next->at;
    }
#if defined(__x86_64__)
    change(&me->top, on ? next->top : scheduler_top);
#else
    swapcontext(&me->context, on ? &next->context : &scheduler_context);
#endif
}

static void fiber_main() {
    body(body_data);
    leave(OVER);
    broken("a thread went on after its end");
}

static void prepare(Fiber &fiber) {
    if (!fiber.stack) {
        fiber.stack = (char *)mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fiber.stack == MAP_FAILED) broken("no memory for a thread");
    }
    fiber.wait = READY;
    fiber.turn = 0;
#if defined(__x86_64__)
    // Not all at the same distance from a page's end, where they would share a few lines of the cache: that took as long as the work.
    size_t number = (size_t)(&fiber - fibers.data());
    void **top = (void **)(fiber.stack + STACK - number % 61 * 1088);
    // As after a call: 8 more than a multiple of 16.
    *--top = nullptr;
    *--top = (void *)fiber_main;
    fiber.top = top;
#else
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
#endif
}

static void resume(Fiber &fiber) {
    here = &fiber;
    threadIdx = fiber.at;
#if defined(__x86_64__)
    change(&scheduler_top, fiber.top);
#else
    swapcontext(&scheduler_context, &fiber.context);
#endif
}

static void run_block(unsigned threads) {
    for (unsigned i = 0; i < threads; i++) prepare(fibers[i]);
    for (;;) {
        bool moved = false;
        unsigned over = 0, at_barrier = 0;
        for (unsigned warp = 0; warp < threads; warp += 32) {
            unsigned end = warp + 32 < threads ? warp + 32 : threads, in_warp = 0;
            warp_end = fibers.data() + end;
            for (unsigned i = warp; i < end; i++) {
                if (fibers[i].wait == READY) {
                    resume(fibers[i]);
                    moved = true;
                }
                in_warp += fibers[i].wait == IN_WARP;
            }
            if (in_warp == 32)
                for (unsigned i = warp; i < end; i++) fibers[i].wait = READY;
            for (unsigned i = warp; i < end; i++) {
                over += fibers[i].wait == OVER;
                at_barrier += fibers[i].wait == AT_BARRIER;
            }
        }
        if (over == threads) return;
        if (at_barrier > 0 && at_barrier + over == threads) {
            if (over > 0) broken("some threads ended while others wait at a barrier");
            for (unsigned i = 0; i < threads; i++) fibers[i].wait = READY;
            continue;
        }
        if (!moved) {
            bool ready = false;
            for (unsigned i = 0; i < threads; i++) ready |= fibers[i].wait == READY;
            if (!ready) broken("not every thread reaches a barrier or a warp's operation");
        }
    }
}

static std::mutex one_launch;

static void run_grid(Dim grid, Dim block, void (*what)(void *), void *data) {
    std::lock_guard<std::mutex> only(one_launch);
    unsigned threads = block.x * block.y * block.z;
    if (fibers.size() < threads) fibers.resize(threads);
    for (auto &slot : slots)
        if (slot.size() < threads) slot.resize(threads);
    body = what;
    body_data = data;
    gridDim = grid;
    blockDim = block;
    for (unsigned i = 0; i < threads; i++) fibers[i].at = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                run_block(threads);
            }
}

static inline void __syncthreads() { leave(AT_BARRIER); }

static inline unsigned linear() { return (unsigned)(here - fibers.data()); }

// Every lane's words, once all have given theirs. Two slots in turn: nobody is two operations ahead.
static Word *exchange(const Word &mine) {
    unsigned me = linear();
    auto &slot = slots[here->turn ^= 1];
    slot[me] = mine;
    leave(IN_WARP);
    return &slot[me - me % 32];
}

static inline float __shfl_xor_sync(unsigned mask, float x, int away) {
    if (mask != 0xffffffffu) broken("a shuffle of part of a warp");
    Word mine;
    mine.f[0] = x;
    unsigned lane = linear() % 32;
    return exchange(mine)[lane ^ (unsigned)away].f[0];
}

static inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    return bits;
}
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned atomicMax(unsigned *at, unsigned x) {
    unsigned old = *at;
    *at = old > x ? old : x;
    return old;
}

// PTX ISA, mma.m16n8k16 with bf16: which lane holds which element.
static inline void host_mma(float *c, const unsigned *a, unsigned b0, unsigned b1) {
    Word mine;
    memcpy(mine.u, a, 16);
    mine.u[4] = b0;
    mine.u[5] = b1;
    Word *all = exchange(mine);
    auto number = [](unsigned word, int odd) { return __uint_as_float(odd ? word & 0xffff0000u : word << 16); };
    int lane = (int)(linear() % 32);
    for (int i = 0; i < 4; i++) {
        int row = lane / 4 + (i / 2) * 8, column = lane % 4 * 2 + i % 2;
        float sum = c[i];
        for (int k = 0; k < 16; k++) {
            unsigned from_a = all[row % 8 * 4 + k % 8 / 2].u[(row >= 8) + 2 * (k >= 8)];
            unsigned from_b = all[column * 4 + k % 8 / 2].u[4 + (k >= 8)];
            sum += number(from_a, k % 2) * number(from_b, k % 2);
        }
        c[i] = sum;
    }
}
