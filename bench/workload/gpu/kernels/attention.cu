// Attention over the cache, keys and values [sequence][head][position][dimension]; query heads of one group share a head of keys and values (arXiv 2305.13245).
// Softmax runs along (arXiv 1805.02867, 2205.14135): nothing of the size of positions squared is kept.

// So many query heads are answered from one reading of keys and values.
#define SHARED_HEADS 4
#define GROUP_THREADS 128

// One query row a block (x) and head of keys (y), for rows that are alone in their sequence, as in decoding; bound by memory. Eight dimensions a lane, so
// that d / 8 lanes (rounded up to a power of two, at most 32: d up to 256) hold a vector, and the warps' groups go through the positions in turn.
// rows[x] may be NOBODY; a row of nobody's sequence, which fills a recorded step up, becomes 0: what the products make of it must not depend on the step before.
template <class T>
__device__ inline void attend_one(T *mixed, const T *qkv, const T *keys, const T *values, const u32 *rows, const u32 *sequence, const u32 *position,
                                  u32 heads, u32 kv_heads, u32 d, u32 context, float scale) {
    __shared__ float partial[GROUP_THREADS * SHARED_HEADS * 8];
    __shared__ float tops[GROUP_THREADS * SHARED_HEADS], totals[GROUP_THREADS * SHARED_HEADS];
    u32 row = rows[blockIdx.x], kv = blockIdx.y, shared = heads / kv_heads;
    if (row == NOBODY) return;
    if (sequence[row] == NOBODY) {
        for (u32 i = threadIdx.x; i < shared * d; i += GROUP_THREADS) put(mixed + (u64)row * heads * d + kv * shared * d + i, 0.0f);
        return;
    }
    int lanes = 1;
    while (lanes * 8 < (int)d) lanes *= 2;
    int lane = (int)threadIdx.x % lanes, group = (int)threadIdx.x / lanes, groups = GROUP_THREADS / lanes;
    int left = (int)d - lane * 8;
    u64 block = ((u64)sequence[row] * kv_heads + kv) * context * d;
    int past = (int)position[row] + 1;
    for (u32 begin = 0; begin < shared; begin += SHARED_HEADS) {
        float q[SHARED_HEADS][8], sum[SHARED_HEADS][8], top[SHARED_HEADS], total[SHARED_HEADS];
#pragma unroll
        for (int h = 0; h < SHARED_HEADS; h++) {
            int mine = begin + h < shared ? left : 0;
            eight(q[h], qkv + (u64)row * (heads + 2 * kv_heads) * d + (kv * shared + begin + (mine > 0 ? h : 0)) * d + (mine > 0 ? lane * 8 : 0), mine);
            for (int i = 0; i < 8; i++) sum[h][i] = 0.0f;
            top[h] = -INFINITY;
            total[h] = 0.0f;
        }
        // Every lane of a warp makes as many turns: the shuffles need all of them.
        for (int round = 0; round < past; round += groups) {
            int p = round + group;
            int there = p < past ? left : 0;
            float k[8], v[8];
            u64 at = block + (there > 0 ? (u64)p * d + lane * 8 : 0);
            eight(k, keys + at, there);
            eight(v, values + at, there);
#pragma unroll
            for (int h = 0; h < SHARED_HEADS; h++) {
                float score = 0.0f;
                for (int i = 0; i < 8; i++) score += q[h][i] * k[i];
                score = within<Sum>(score, lanes) * scale;
                if (p >= past) continue;
                float higher = fmaxf(top[h], score), fade = expf(top[h] - higher), weight = expf(score - higher);
                total[h] = total[h] * fade + weight;
                for (int i = 0; i < 8; i++) sum[h][i] = sum[h][i] * fade + weight * v[i];
                top[h] = higher;
            }
        }
        __syncthreads();
#pragma unroll
        for (int h = 0; h < SHARED_HEADS; h++) {
            int slot = h * GROUP_THREADS + (int)threadIdx.x;
            tops[slot] = top[h];
            totals[slot] = total[h];
            for (int i = 0; i < 8; i++) partial[slot * 8 + i] = sum[h][i];
        }
        __syncthreads();
        for (int n = (int)threadIdx.x; n < SHARED_HEADS * (int)d; n += GROUP_THREADS) {
            int h = n / (int)d, i = n % (int)d;
            if (begin + h >= shared) continue;
            float highest = -INFINITY, all = 0.0f, out = 0.0f;
            for (int g = 0; g < groups; g++) highest = fmaxf(highest, tops[h * GROUP_THREADS + g * lanes]);
            for (int g = 0; g < groups; g++) {
                int slot = h * GROUP_THREADS + g * lanes + i / 8;
                float weight = expf(tops[slot] - highest);
                all += weight * totals[slot];
                out += weight * partial[slot * 8 + i % 8];
            }
            put(mixed + (u64)row * heads * d + (kv * shared + begin + h) * d + i, out / all);
        }
        __syncthreads();
    }
}
BOTH(attend_one,
     (float *mixed, const float *qkv, const float *keys, const float *values, const u32 *rows, const u32 *sequence, const u32 *position, u32 heads,
      u32 kv_heads, u32 d, u32 context, float scale),
     (bf16 *mixed, const bf16 *qkv, const bf16 *keys, const bf16 *values, const u32 *rows, const u32 *sequence, const u32 *position, u32 heads,
      u32 kv_heads, u32 d, u32 context, float scale),
     (mixed, qkv, keys, values, rows, sequence, position, heads, kv_heads, d, context, scale))

// c += a * b for a warp: 16 by 16 times 16 by 8, bf16 with float sums. PTX ISA 9.7.14.5.8, "mma.m16n8k16": with g = lane / 4 and t = lane % 4, a holds rows g and
// g + 8 and columns 2t, 2t + 1 (and 8 on), b rows 2t, 2t + 1 (and 8 on) of column g, c rows g and g + 8 of columns 2t and 2t + 1.
__device__ inline void mma(float *c, const u32 *a, u32 b0, u32 b1) {
#ifdef ORBIT_HOST
    host_mma(c, a, b0, b1);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Query rows of one sequence, 64 a block, for prompts: bound by arithmetic. A warp has 16 rows; keys and values come in tiles of 64 positions.
// tiles[x] = {sequence, first row, its position, number of rows, which may be 0}; y is the query head.
template <int D>
__device__ inline void attend_many(bf16 *mixed, const bf16 *qkv, const bf16 *keys, const bf16 *values, const Four *tiles, u32 heads, u32 kv_heads,
                                   u32 context, float scale) {
    // Rows of D numbers and 8 more: whole sixteens of bytes, in other banks each.
    alignas(16) __shared__ u32 k_tile[64][D / 2 + 4];
    alignas(16) __shared__ u32 v_tile[64][D / 2 + 4];
    Four tile = tiles[blockIdx.x];
    if (tile.w == 0) return;
    u32 head = blockIdx.y, stride = (heads + 2 * kv_heads) * D;
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int low = warp * 16 + g, high = low + 8, rows = (int)tile.w;
    u32 q[D / 16][4];
    const u32 *from_low = (const u32 *)(qkv + (u64)(tile.y + (low < rows ? low : 0)) * stride + head * D);
    const u32 *from_high = (const u32 *)(qkv + (u64)(tile.y + (high < rows ? high : 0)) * stride + head * D);
#pragma unroll
    for (int c = 0; c < D / 16; c++) {
        q[c][0] = from_low[c * 8 + t];
        q[c][1] = from_high[c * 8 + t];
        q[c][2] = from_low[c * 8 + 4 + t];
        q[c][3] = from_high[c * 8 + 4 + t];
    }
    float sum[D / 8][4];
#pragma unroll
    for (int n = 0; n < D / 8; n++)
        for (int i = 0; i < 4; i++) sum[n][i] = 0.0f;
    float top[2] = {-INFINITY, -INFINITY}, total[2] = {0.0f, 0.0f};
    // What rows `low` and `high` may look back on.
    int past[2] = {(int)tile.z + low, (int)tile.z + high};
    int last = (int)tile.z + rows;
    u64 block = ((u64)tile.x * kv_heads + head / (heads / kv_heads)) * context * D;
    for (int from = 0; from < last; from += 64) {
        __syncthreads();
        for (int n = (int)threadIdx.x; n < 64 * D / 8; n += 128) {
            int p = n / (D / 8), i = n % (D / 8);
            Four none = {0, 0, 0, 0};
            Four k = from + p < last ? *(const Four *)(keys + block + (u64)(from + p) * D + i * 8) : none;
            Four v = from + p < last ? *(const Four *)(values + block + (u64)(from + p) * D + i * 8) : none;
            *(Four *)&k_tile[p][i * 4] = k;
            *(Four *)&v_tile[p][i * 4] = v;
        }
        __syncthreads();
        float score[8][4];
#pragma unroll
        for (int n = 0; n < 8; n++) {
            for (int i = 0; i < 4; i++) score[n][i] = 0.0f;
#pragma unroll
            for (int c = 0; c < D / 16; c++) mma(score[n], q[c], k_tile[n * 8 + g][c * 8 + t], k_tile[n * 8 + g][c * 8 + 4 + t]);
        }
        float highest[2] = {top[0], top[1]};
#pragma unroll
        for (int n = 0; n < 8; n++)
            for (int i = 0; i < 4; i++) {
                int p = from + n * 8 + t * 2 + i % 2;
                score[n][i] = p <= past[i / 2] ? score[n][i] * scale : -INFINITY;
                highest[i / 2] = fmaxf(highest[i / 2], score[n][i]);
            }
        float fade[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            highest[r] = within<Largest>(highest[r], 4);
            fade[r] = expf(top[r] - highest[r]);
            top[r] = highest[r];
            total[r] *= fade[r];
        }
#pragma unroll
        for (int n = 0; n < 8; n++)
            for (int i = 0; i < 4; i++) {
                score[n][i] = expf(score[n][i] - top[i / 2]);
                total[i / 2] += score[n][i];
            }
#pragma unroll
        for (int n = 0; n < D / 8; n++)
            for (int i = 0; i < 4; i++) sum[n][i] *= fade[i / 2];
        const u16 *v = (const u16 *)&v_tile[0][0];
#pragma unroll
        for (int c = 0; c < 4; c++) {
            u32 a[4] = {pair(score[2 * c][0], score[2 * c][1]), pair(score[2 * c][2], score[2 * c][3]), pair(score[2 * c + 1][0], score[2 * c + 1][1]),
                        pair(score[2 * c + 1][2], score[2 * c + 1][3])};
            const u16 *at = v + (c * 16 + t * 2) * (D + 8) + g;
#pragma unroll
            for (int n = 0; n < D / 8; n++) {
                const u16 *b = at + n * 8;
                mma(sum[n], a, (u32)b[0] | (u32)b[D + 8] << 16, (u32)b[8 * (D + 8)] | (u32)b[9 * (D + 8)] << 16);
            }
        }
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        total[r] = 1.0f / within<Sum>(total[r], 4);
        int row = r == 0 ? low : high;
        if (row >= rows) continue;
        u32 *to = (u32 *)(mixed + (u64)(tile.y + row) * heads * D + head * D);
#pragma unroll
        for (int n = 0; n < D / 8; n++) to[n * 4 + t] = pair(sum[n][2 * r] * total[r], sum[n][2 * r + 1] * total[r]);
    }
}
#define MANY(D)                                                                                                                                 \
    extern "C" __global__ void attend_many_##D(bf16 *mixed, const bf16 *qkv, const bf16 *keys, const bf16 *values, const Four *tiles, u32 heads, \
                                               u32 kv_heads, u32 context, float scale) {                                                        \
        attend_many<D>(mixed, qkv, keys, values, tiles, heads, kv_heads, context, scale);                                                       \
    }
MANY(32)
MANY(64)
MANY(128)
