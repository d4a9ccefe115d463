// Products of matrices where cuBLASLt is not to be had: right, of fair speed (tensor cores, but neither asynchronous copies nor swizzled tiles), and said so.
//
// c[m][n] (+)= alpha * sum over k of a(m, k) * b(k, n), each operand with a step for either index; z is the batch.

template <class Out>
__device__ inline void give(Out *to, float x, int add) {
    put(to, add ? get(*to) + x : x);
}

// 64 by 64 a block of 128 threads; 16 columns of k at a time in float.
template <class Out>
__device__ inline void product_f32(Out *c, const float *a, const float *b, u32 m, u32 n, u32 k, u64 am, u64 ak, u64 bk, u64 bn, u64 cm, u64 za, u64 zb,
                                   u64 zc, float alpha, int add) {
    __shared__ float as[16][65], bs[16][65];
    a += blockIdx.z * za;
    b += blockIdx.z * zb;
    c += blockIdx.z * zc;
    u32 row = blockIdx.y * 64, column = blockIdx.x * 64;
    int tx = (int)threadIdx.x % 16, ty = (int)threadIdx.x / 16;
    float sum[8][4];
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) sum[i][j] = 0.0f;
    for (u32 from = 0; from < k; from += 16) {
        __syncthreads();
        for (int e = (int)threadIdx.x; e < 16 * 64; e += 128) {
            // The index that runs along memory runs fastest.
            u32 kk = ak == 1 ? e % 16 : e / 64, mm = ak == 1 ? e / 16 : e % 64;
            as[kk][mm] = from + kk < k && row + mm < m ? a[(row + mm) * am + (from + kk) * ak] : 0.0f;
            kk = bk == 1 ? e % 16 : e / 64;
            mm = bk == 1 ? e / 16 : e % 64;
            bs[kk][mm] = from + kk < k && column + mm < n ? b[(from + kk) * bk + (column + mm) * bn] : 0.0f;
        }
        __syncthreads();
        for (int kk = 0; kk < 16; kk++)
            for (int i = 0; i < 8; i++)
                for (int j = 0; j < 4; j++) sum[i][j] += as[kk][ty * 8 + i] * bs[kk][tx + 16 * j];
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) {
            u32 mm = row + ty * 8 + i, nn = column + tx + 16 * j;
            if (mm < m && nn < n) give(c + mm * cm + nn, alpha * sum[i][j], add);
        }
}

// 64 by 64 a block of 4 warps, each 32 by 32; 32 columns of k at a time.
template <class Out>
__device__ inline void product_bf16(Out *c, const bf16 *a, const bf16 *b, u32 m, u32 n, u32 k, u64 am, u64 ak, u64 bk, u64 bn, u64 cm, u64 za, u64 zb,
                                    u64 zc, float alpha, int add) {
    // Rows of 32 numbers and 8 more, so that the lanes of a warp meet different banks. Words of two numbers are read of them, which a card takes of whole words only.
    alignas(16) __shared__ u16 as[64][40], bs[64][40];
    a += blockIdx.z * za;
    b += blockIdx.z * zb;
    c += blockIdx.z * zc;
    u32 row = blockIdx.y * 64, column = blockIdx.x * 64;
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int m0 = warp / 2 * 32, n0 = warp % 2 * 32;
    float sum[2][4][4];
#pragma unroll
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            for (int e = 0; e < 4; e++) sum[i][j][e] = 0.0f;
    for (u32 from = 0; from < k; from += 32) {
        __syncthreads();
        for (int e = (int)threadIdx.x; e < 32 * 64; e += 128) {
            u32 kk = ak == 1 ? e % 32 : e / 64, mm = ak == 1 ? e / 32 : e % 64;
            as[mm][kk] = from + kk < k && row + mm < m ? a[(row + mm) * am + (from + kk) * ak].bits : (u16)0;
            kk = bk == 1 ? e % 32 : e / 64;
            mm = bk == 1 ? e / 32 : e % 64;
            bs[mm][kk] = from + kk < k && column + mm < n ? b[(from + kk) * bk + (column + mm) * bn].bits : (u16)0;
        }
        __syncthreads();
#pragma unroll
        for (int c16 = 0; c16 < 32; c16 += 16)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                int r = m0 + 16 * i + g;
                u32 frag[4] = {*(const u32 *)&as[r][c16 + 2 * t], *(const u32 *)&as[r + 8][c16 + 2 * t], *(const u32 *)&as[r][c16 + 8 + 2 * t],
                               *(const u32 *)&as[r + 8][c16 + 8 + 2 * t]};
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const u16 *at = &bs[n0 + 8 * j + g][c16 + 2 * t];
                    mma(sum[i][j], frag, *(const u32 *)at, *(const u32 *)(at + 8));
                }
            }
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            for (int e = 0; e < 4; e++) {
                u32 mm = row + m0 + 16 * i + g + (e / 2) * 8, nn = column + n0 + 8 * j + 2 * t + e % 2;
                if (mm < m && nn < n) give(c + mm * cm + nn, alpha * sum[i][j][e], add);
            }
}
#define PRODUCT(name, In, Out, of)                                                                                                              \
    extern "C" __global__ void name(Out *c, const In *a, const In *b, u32 m, u32 n, u32 k, u64 am, u64 ak, u64 bk, u64 bn, u64 cm, u64 za, u64 zb, \
                                    u64 zc, float alpha, int add) {                                                                             \
        of(c, a, b, m, n, k, am, ak, bk, bn, cm, za, zb, zc, alpha, add);                                                                       \
    }
PRODUCT(product_f32_f32, float, float, product_f32)
PRODUCT(product_bf16_bf16, bf16, bf16, product_bf16)
PRODUCT(product_bf16_f32, bf16, float, product_bf16)
