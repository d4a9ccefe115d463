// One step of the decoder but for its products and its attention.

template <class T>
__device__ inline void embed(T *x, const T *table, const u32 *tokens, u32 width) {
    const T *from = table + (u64)tokens[blockIdx.x] * width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) x[(u64)blockIdx.x * width + i] = from[i];
}
BOTH(embed, (float *x, const float *table, const u32 *tokens, u32 width), (bf16 *x, const bf16 *table, const u32 *tokens, u32 width),
     (x, table, tokens, width))

// Root mean square normalisation (arXiv 1910.07467) of row `which[block]`, or of the block's own row.
template <class T>
__device__ inline void norm(T *out, const T *x, const T *gains, const u32 *which, u32 width, float epsilon) {
    const T *from = x + (u64)(which ? which[blockIdx.x] : blockIdx.x) * width;
    T *to = out + (u64)blockIdx.x * width;
    float squares = 0.0f, v[8], g[8];
    for (u32 i = threadIdx.x * 8; i < width; i += blockDim.x * 8) {
        eight(v, from + i, (int)(width - i));
        for (int n = 0; n < 8; n++) squares += v[n] * v[n];
    }
    float scale = 1.0f / sqrtf(over_block<Sum>(squares) / (float)width + epsilon);
    for (u32 i = threadIdx.x * 8; i < width; i += blockDim.x * 8) {
        eight(v, from + i, (int)(width - i));
        eight(g, gains + i, (int)(width - i));
        for (int n = 0; n < 8; n++) v[n] *= scale * g[n];
        put_eight(to + i, v, (int)(width - i));
    }
}
BOTH(norm, (float *out, const float *x, const float *gains, const u32 *which, u32 width, float epsilon),
     (bf16 *out, const bf16 *x, const bf16 *gains, const u32 *which, u32 width, float epsilon), (out, x, gains, which, width, epsilon))

// Turns queries (in place) and keys by their position's angles (arXiv 2104.09864, halves as in Llama's checkpoints) and puts keys and values into the cache,
// [sequence][head][position][dimension]. A block a row, but those of nobody's sequence; `angles` is cosine and sine, [position][d / 2].
template <class T>
__device__ inline void place(T *qkv, T *keys, T *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d,
                             u32 context) {
    if (sequence[blockIdx.x] == NOBODY) return;
    T *row = qkv + (u64)blockIdx.x * (heads + 2 * kv_heads) * d;
    u32 half = d / 2;
    u64 at = position[blockIdx.x];
    const float *turn = angles + at * d;
    u32 pieces = (half + 7) / 8;
    for (u32 n = threadIdx.x; n < (heads + kv_heads) * pieces; n += blockDim.x) {
        u32 head = n / pieces, i = n % pieces * 8;
        int left = (int)(half - i);
        T *low = row + head * d + i, *to = low;
        float a[8], b[8], by[16];
        eight(a, low, left);
        eight(b, low + half, left);
        eight(by, turn + 2 * i, 2 * left);
        eight(by + 8, turn + 2 * i + 8, 2 * left - 8);
        for (int m = 0; m < 8; m++) {
            float c = by[2 * m], s = by[2 * m + 1], x = a[m], y = b[m];
            a[m] = x * c - y * s;
            b[m] = y * c + x * s;
        }
        if (head >= heads) to = keys + (((u64)sequence[blockIdx.x] * kv_heads + head - heads) * context + at) * d + i;
        put_eight(to, a, left);
        put_eight(to + half, b, left);
    }
    u32 whole = (d + 7) / 8;
    for (u32 n = threadIdx.x; n < kv_heads * whole; n += blockDim.x) {
        u32 head = n / whole, i = n % whole * 8;
        float v[8];
        eight(v, row + (heads + kv_heads + head) * d + i, (int)(d - i));
        put_eight(values + (((u64)sequence[blockIdx.x] * kv_heads + head) * context + at) * d + i, v, (int)(d - i));
    }
}
BOTH(place,
     (float *qkv, float *keys, float *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d, u32 context),
     (bf16 *qkv, bf16 *keys, bf16 *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d, u32 context),
     (qkv, keys, values, sequence, position, angles, heads, kv_heads, d, context))

// Gate and up projection side by side to `SiLU(gate) * up` (arXiv 2002.05202). Eight numbers a thread. Rows are counted by x: y ends at 65535.
template <class T>
__device__ inline void gate(T *out, const T *gate_up, u32 hidden) {
    const T *row = gate_up + (u64)blockIdx.x * 2 * hidden;
    u32 i = (blockIdx.y * blockDim.x + threadIdx.x) * 8;
    if (i >= hidden) return;
    int left = (int)(hidden - i);
    float g[8], up[8];
    eight(g, row + i, left);
    eight(up, row + hidden + i, left);
    for (int n = 0; n < 8; n++) g[n] = g[n] / (1.0f + expf(-g[n])) * up[n];
    put_eight(out + (u64)blockIdx.x * hidden + i, g, left);
}
BOTH(gate, (float *out, const float *gate_up, u32 hidden), (bf16 *out, const bf16 *gate_up, u32 hidden), (out, gate_up, hidden))

// The next token of each row: the likeliest (the first of equals) if `draw` is negative, else the one where the sum of probabilities passes draw / 2^32 of
// the whole. `bad` becomes 1 if a number is not finite. A block of whole warps a row, of at most 1024 threads. Each warp sums a stretch of neighbouring tokens, its lanes
// side by side; then one warp goes through the stretch that has the token.
extern "C" __global__ void choose(u32 *next, u32 *bad, const float *logits, const long long *draw, u32 vocabulary) {
    const float *row = logits + (u64)blockIdx.x * vocabulary;
    __shared__ float part[1024];
    __shared__ u32 at[1024];
    u32 me = threadIdx.x, threads = blockDim.x, lane = me % 32, warp = me / 32, warps = threads / 32;
    float largest = -INFINITY;
    u32 best = vocabulary;
    int sound = 1;
    for (u32 i = me; i < vocabulary; i += threads) {
        float l = row[i];
        if (!(fabsf(l) < INFINITY)) sound = 0;
        if (l > largest) {
            largest = l;
            best = i;
        }
    }
    if (!sound) *bad = 1;
    part[me] = largest;
    at[me] = best;
    __syncthreads();
    for (u32 away = 512; away > 0; away /= 2) {
        if (me < away && me + away < threads && (part[me + away] > part[me] || (part[me + away] == part[me] && at[me + away] < at[me]))) {
            part[me] = part[me + away];
            at[me] = at[me + away];
        }
        __syncthreads();
    }
    largest = part[0];
    best = min(at[0], vocabulary - 1);
    __syncthreads();
    if (draw[blockIdx.x] < 0) {
        if (me == 0) next[blockIdx.x] = best;
        return;
    }
    u32 each = (vocabulary + warps - 1) / warps;
    u32 from = min(warp * each, vocabulary), to = min(from + each, vocabulary);
    float own = 0.0f;
    for (u32 i = from + lane; i < to; i += 32) own += expf(row[i] - largest);
    own = within<Sum>(own, 32);
    if (lane == 0) part[warp] = own;
    __syncthreads();
    double total = 0.0;
    for (u32 w = 0; w < warps; w++) total += (double)part[w];
    double left = (double)draw[blockIdx.x] / 4294967296.0 * total;
    u32 mine = 0;
    while (mine + 1 < warps && left >= (double)part[mine] && (mine + 1) * each < vocabulary) left -= (double)part[mine++];
    if (warp != mine) return;
    // All lanes of the warp see the same sums. Where rounding leaves something over at the end, the last token has it.
    u32 chosen = to - 1;
    for (u32 begin = from; begin < to; begin += 32) {
        float p = begin + lane < to ? expf(row[begin + lane] - largest) : 0.0f;
        double sum = (double)within<Sum>(p, 32);
        if (left >= sum) {
            left -= sum;
            continue;
        }
        for (u32 i = begin; i < min(begin + 32, to); i++) {
            left -= (double)expf(row[i] - largest);
            chosen = i;
            if (left < 0.0) break;
        }
        break;
    }
    if (lane == 0) next[blockIdx.x] = chosen;
}
