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
    float squares = 0.0f;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) squares += get(from[i]) * get(from[i]);
    float scale = 1.0f / sqrtf(over_block<Sum>(squares) / (float)width + epsilon);
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) put(out + (u64)blockIdx.x * width + i, get(from[i]) * scale * get(gains[i]));
}
BOTH(norm, (float *out, const float *x, const float *gains, const u32 *which, u32 width, float epsilon),
     (bf16 *out, const bf16 *x, const bf16 *gains, const u32 *which, u32 width, float epsilon), (out, x, gains, which, width, epsilon))

// Turns queries (in place) and keys by their position's angles (arXiv 2104.09864, halves as in Llama's checkpoints) and puts keys and values into the cache,
// [sequence][head][position][dimension]. A block a row; `angles` is cosine and sine, [position][d / 2].
template <class T>
__device__ inline void place(T *qkv, T *keys, T *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d,
                             u32 context) {
    T *row = qkv + (u64)blockIdx.x * (heads + 2 * kv_heads) * d;
    u32 half = d / 2;
    u64 at = position[blockIdx.x];
    const float *turn = angles + at * d;
    for (u32 n = threadIdx.x; n < (heads + kv_heads) * half; n += blockDim.x) {
        u32 head = n / half, i = n % half;
        T *low = row + head * d + i, *high = low + half;
        float a = get(*low), b = get(*high), c = turn[2 * i], s = turn[2 * i + 1];
        if (head < heads) {
            put(low, a * c - b * s);
            put(high, b * c + a * s);
        } else {
            T *to = keys + (((u64)sequence[blockIdx.x] * kv_heads + head - heads) * context + at) * d + i;
            put(to, a * c - b * s);
            put(to + half, b * c + a * s);
        }
    }
    for (u32 n = threadIdx.x; n < kv_heads * d; n += blockDim.x) {
        u32 head = n / d, i = n % d;
        values[(((u64)sequence[blockIdx.x] * kv_heads + head) * context + at) * d + i] = row[(heads + kv_heads) * d + n];
    }
}
BOTH(place,
     (float *qkv, float *keys, float *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d, u32 context),
     (bf16 *qkv, bf16 *keys, bf16 *values, const u32 *sequence, const u32 *position, const float *angles, u32 heads, u32 kv_heads, u32 d, u32 context),
     (qkv, keys, values, sequence, position, angles, heads, kv_heads, d, context))

// Gate and up projection side by side to `SiLU(gate) * up` (arXiv 2002.05202).
template <class T>
__device__ inline void gate(T *out, const T *gate_up, u32 hidden) {
    const T *row = gate_up + (u64)blockIdx.y * 2 * hidden;
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= hidden) return;
    float g = get(row[i]);
    put(out + (u64)blockIdx.y * hidden + i, g / (1.0f + expf(-g)) * get(row[hidden + i]));
}
BOTH(gate, (float *out, const float *gate_up, u32 hidden), (bf16 *out, const bf16 *gate_up, u32 hidden), (out, gate_up, hidden))

// The next token of each row: the likeliest (the first of equals) if `draw` is negative, else the one where the sum of probabilities passes draw / 2^32 of
// the whole. `bad` becomes 1 if a number is not finite. A block a row, of at most 1024 threads.
extern "C" __global__ void choose(u32 *next, u32 *bad, const float *logits, const long long *draw, u32 vocabulary) {
    const float *row = logits + (u64)blockIdx.x * vocabulary;
    __shared__ float part[1024];
    __shared__ u32 at[1024];
    u32 me = threadIdx.x, threads = blockDim.x;
    // Each thread has a stretch of its own, so that sums run in the tokens' order.
    u32 each = (vocabulary + threads - 1) / threads;
    u32 from = min(me * each, vocabulary), to = min(from + each, vocabulary);
    float largest = -INFINITY;
    u32 best = from;
    int sound = 1;
    for (u32 i = from; i < to; i++) {
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
    best = at[0];
    __syncthreads();
    if (draw[blockIdx.x] < 0) {
        if (me == 0) next[blockIdx.x] = best;
        return;
    }
    float own = 0.0f;
    for (u32 i = from; i < to; i++) own += expf(row[i] - largest);
    part[me] = own;
    __syncthreads();
    if (me != 0) return;
    float total = 0.0f;
    for (u32 t = 0; t < threads; t++) total += part[t];
    double left = (double)draw[blockIdx.x] / 4294967296.0 * (double)total;
    u32 chosen = best;
    for (u32 t = 0; t < threads; t++) {
        if (left - (double)part[t] >= 0.0) {
            left -= (double)part[t];
            continue;
        }
        for (u32 i = min(t * each, vocabulary); i < min((t + 1) * each, vocabulary); i++) {
            left -= (double)expf(row[i] - largest);
            if (left < 0.0) {
                chosen = i;
                break;
            }
        }
        break;
    }
    next[blockIdx.x] = chosen;
}
