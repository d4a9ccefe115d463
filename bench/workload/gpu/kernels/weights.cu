// Random weights, the same as the CPU's: ChaCha with 8 rounds (RFC 8439's block function, with the 64-bit counter of Bernstein's original), as `rand_chacha` does it.
// Counters make every block independent, so that each thread computes one.

__device__ inline u32 turned(u32 x, int by) { return x << by | x >> (32 - by); }

__device__ inline void quarter(u32 *s, int a, int b, int c, int d) {
    s[a] += s[b];
    s[d] = turned(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = turned(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = turned(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = turned(s[b] ^ s[c], 7);
}

__device__ inline void chacha8(u32 *out, const u32 *key, u64 block) {
    u32 begin[16] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u};
    for (int i = 0; i < 8; i++) begin[4 + i] = key[i];
    begin[12] = (u32)block;
    begin[13] = (u32)(block >> 32);
    begin[14] = begin[15] = 0;
    for (int i = 0; i < 16; i++) out[i] = begin[i];
    for (int i = 0; i < 4; i++) {
        quarter(out, 0, 4, 8, 12);
        quarter(out, 1, 5, 9, 13);
        quarter(out, 2, 6, 10, 14);
        quarter(out, 3, 7, 11, 15);
        quarter(out, 0, 5, 10, 15);
        quarter(out, 1, 6, 11, 12);
        quarter(out, 2, 7, 8, 13);
        quarter(out, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) out[i] += begin[i];
}

// Words `first` to `first + count` of the stream as offset + scale * (-1..1). Number i of a matrix of `outputs` columns goes to [i % outputs][i / outputs] (the CPU
// keeps the outputs of an input together, we the inputs of an output); with `outputs` 0 it stays where it is.
template <class T>
__device__ inline void fill(T *out, const u32 *key, u64 first, u64 count, u64 inputs, u64 outputs, float scale, float offset) {
    u64 block = first / 16 + (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (block * 16 >= first + count) return;
    u32 words[16];
    chacha8(words, key, block);
    for (int w = 0; w < 16; w++) {
        u64 word = block * 16 + w;
        if (word < first || word >= first + count) continue;
        u64 i = word - first;
        // In -1..1 with 24 bits. No fused multiply-add: the CPU rounds twice.
        float uniform = __fadd_rn((float)(words[w] >> 8) / 8388608.0f, -1.0f);
        u64 at = outputs == 0 ? i : i % outputs * inputs + i / outputs;
        put(out + at, __fadd_rn(offset, __fmul_rn(scale, uniform)));
    }
}
BOTH(fill, (float *out, const u32 *key, u64 first, u64 count, u64 inputs, u64 outputs, float scale, float offset),
     (bf16 *out, const u32 *key, u64 first, u64 count, u64 inputs, u64 outputs, float scale, float offset),
     (out, key, first, count, inputs, outputs, scale, offset))

// Numbers of a file, as the host has them (float, in the CPU's order), to their place here.
template <class T>
__device__ inline void take(T *out, const float *in, u64 first, u64 count, u64 inputs, u64 outputs) {
    u64 n = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (n >= count) return;
    u64 i = first + n;
    put(out + (outputs == 0 ? i : i % outputs * inputs + i / outputs), in[n]);
}
BOTH(take, (float *out, const float *in, u64 first, u64 count, u64 inputs, u64 outputs),
     (bf16 *out, const float *in, u64 first, u64 count, u64 inputs, u64 outputs), (out, in, first, count, inputs, outputs))

// Largest magnitude of `count` numbers, into a float that was 0 before; as bits, whose order is that of the numbers.
template <class T>
__device__ inline void magnitude(float *largest, const T *in, u64 count) {
    float found = 0.0f;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) found = fmaxf(found, fabsf(get(in[i])));
    found = over_block<Largest>(found);
    if (threadIdx.x == 0) atomicMax((u32 *)largest, __float_as_uint(found));
}
BOTH(magnitude, (float *largest, const float *in, u64 count), (float *largest, const bf16 *in, u64 count), (largest, in, count))

// OCP 8-bit floating point, E4M3: bias 7, three bits of fraction, largest 448, no infinity. Nearest, ties to even, beyond the largest: the largest.
__device__ inline u8 e4m3(float x) {
    u32 bits = __float_as_uint(x);
    u8 sign = (u8)(bits >> 24 & 0x80u);
    float size = fabsf(x);
    if (!(size <= 448.0f)) return (u8)(sign | (size > 448.0f ? 0x7eu : 0x7fu));
    // Below 2^-6 the step is 2^-9; adding 2^14 (whose own step is 2^-9) rounds to it.
    if (size < 0.015625f) return (u8)(sign | (__float_as_uint(__fadd_rn(size, 16384.0f)) - __float_as_uint(16384.0f)));
    u32 own = bits & 0x7fffffffu;
    own += 0x7ffffu + (own >> 20 & 1u);
    return (u8)(sign | ((own >> 20) - (120u << 3)));
}

// The numbers as E4M3 of their share of the largest, and the scale that gives them back.
template <class T>
__device__ inline void narrow(u8 *out, float *scale, const T *in, const float *largest, u64 count) {
    float most = *largest;
    float by = most > 0.0f ? 448.0f / most : 1.0f;
    u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i == 0) *scale = 1.0f / by;
    if (i < count) out[i] = e4m3(get(in[i]) * by);
}
BOTH(narrow, (u8 *out, float *scale, const float *in, const float *largest, u64 count),
     (u8 *out, float *scale, const bf16 *in, const float *largest, u64 count), (out, scale, in, largest, count))
