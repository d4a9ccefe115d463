// What the kernels share: number types, vectors, reductions. No header is included: NVRTC compiles these files, in the order of make_ptx.py, to the PTX text that is
// shipped; a C++ compiler compiles the same files with host.h in front (ORBIT_HOST), which is how they are tested where there is no GPU.
//
// Throughout: matrices are row by row; a weight matrix is [outputs][inputs]; `T` is float or bf16, sums are float.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifndef ORBIT_HOST
#define INFINITY __int_as_float(0x7f800000)
#endif

struct bf16 {
    u16 bits;
};

struct Four {
    u32 x, y, z, w;
};

__device__ inline float get(float x) { return x; }
__device__ inline float get(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

// Rounds to nearest, ties to even; what is not a number stays so.
__device__ inline u16 bf16_bits(float x) {
#ifndef ORBIT_HOST
    u16 out;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out) : "f"(x));
    return out;
#else
    u32 bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (u16)((bits >> 16) | 0x40u);
    return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
}

__device__ inline void put(float *to, float x) { *to = x; }
__device__ inline void put(bf16 *to, float x) { to->bits = bf16_bits(x); }

__device__ inline u32 pair(float low, float high) {
#ifndef ORBIT_HOST
    u32 out;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
#else
    return (u32)bf16_bits(low) | (u32)bf16_bits(high) << 16;
#endif
}

struct Sum {
    static __device__ inline float none() { return 0.0f; }
    static __device__ inline float of(float a, float b) { return a + b; }
};

struct Largest {
    static __device__ inline float none() { return -INFINITY; }
    static __device__ inline float of(float a, float b) { return fmaxf(a, b); }
};

// Over groups of `lanes` neighbouring lanes, a power of two.
template <class Op>
__device__ inline float within(float x, int lanes) {
    for (int away = lanes / 2; away > 0; away /= 2) x = Op::of(x, __shfl_xor_sync(0xffffffffu, x, away));
    return x;
}

// Over the block (whole warps); every thread gets the result.
template <class Op>
__device__ inline float over_block(float x) {
    __shared__ float part[32];
    x = within<Op>(x, 32);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
    __syncthreads();
    int warps = blockDim.x / 32;
    return within<Op>((int)(threadIdx.x % 32) < warps ? part[threadIdx.x % 32] : Op::none(), 32);
}

// `name_f32` and `name_bf16` of a template `name`.
#define BOTH(name, parameters_f32, parameters_bf16, arguments)                              \
    extern "C" __global__ void name##_f32 parameters_f32 { name<float> arguments; }         \
    extern "C" __global__ void name##_bf16 parameters_bf16 { name<bf16> arguments; }
