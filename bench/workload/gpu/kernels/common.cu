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

// Where a row, a sequence or a token is asked for and there is none: recorded steps have more room than a single one needs.
#define NOBODY 0xffffffffu

// Sixteen bytes that are moved by one instruction: only with its alignment said does the compiler do so. Whoever makes a pointer to it sees to that.
struct alignas(16) Four {
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

// Eight neighbouring numbers, from `in` on; beyond `left` they are 0. Sixteen bytes at once where they lie so.
__device__ inline void eight(float *out, const float *in, int left) {
    if (left >= 8 && (u64)in % 16 == 0) {
        for (int half = 0; half < 2; half++) {
            Four v = ((const Four *)in)[half];
            u32 words[4] = {v.x, v.y, v.z, v.w};
            for (int i = 0; i < 4; i++) out[4 * half + i] = __uint_as_float(words[i]);
        }
    } else {
        for (int i = 0; i < 8; i++) out[i] = i < left ? in[i] : 0.0f;
    }
}

__device__ inline void eight(float *out, const bf16 *in, int left) {
    if (left >= 8 && (u64)in % 16 == 0) {
        Four v = *(const Four *)in;
        u32 words[4] = {v.x, v.y, v.z, v.w};
        for (int i = 0; i < 4; i++) {
            out[2 * i] = __uint_as_float(words[i] << 16);
            out[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
        }
    } else {
        for (int i = 0; i < 8; i++) out[i] = i < left ? get(in[i]) : 0.0f;
    }
}

// The other way: eight numbers to `to` and on, but none beyond `left`.
__device__ inline void put_eight(float *to, const float *x, int left) {
    if (left >= 8 && (u64)to % 16 == 0) {
        for (int half = 0; half < 2; half++) {
            const float *from = x + 4 * half;
            ((Four *)to)[half] = {__float_as_uint(from[0]), __float_as_uint(from[1]), __float_as_uint(from[2]), __float_as_uint(from[3])};
        }
    } else {
        for (int i = 0; i < 8; i++)
            if (i < left) to[i] = x[i];
    }
}

__device__ inline void put_eight(bf16 *to, const float *x, int left) {
    if (left >= 8 && (u64)to % 16 == 0) {
        *(Four *)to = {pair(x[0], x[1]), pair(x[2], x[3]), pair(x[4], x[5]), pair(x[6], x[7])};
    } else {
        for (int i = 0; i < 8; i++)
            if (i < left) put(to + i, x[i]);
    }
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
