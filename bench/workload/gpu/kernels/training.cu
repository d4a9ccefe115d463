// The way back through the decoder, and AdamW. Every sum has one order: no atomics, so that a step gives the same weights every time.

// Turns queries and keys in place, by `sign` 1 as `place` does and by -1 back. A block a row of qkv; positions repeat every `length` rows.
template <class T>
__device__ inline void turn(T *qkv, const float *angles, u32 turned, u32 stride, u32 d, u32 length, float sign) {
    T *row = qkv + (u64)blockIdx.x * stride;
    u32 half = d / 2;
    const float *by = angles + (u64)(blockIdx.x % length) * d;
    for (u32 n = threadIdx.x; n < turned * half; n += blockDim.x) {
        u32 i = n % half;
        T *low = row + n / half * d + i, *high = low + half;
        float a = get(*low), b = get(*high), c = by[2 * i], s = sign * by[2 * i + 1];
        put(low, a * c - b * s);
        put(high, b * c + a * s);
    }
}
BOTH(turn, (float *qkv, const float *angles, u32 turned, u32 stride, u32 d, u32 length, float sign),
     (bf16 *qkv, const float *angles, u32 turned, u32 stride, u32 d, u32 length, float sign), (qkv, angles, turned, stride, d, length, sign))

// Scores to shares of what may be seen: row `r` of each square of `length` sees columns 0 to r. A block a row.
template <class T>
__device__ inline void softmax(T *scores, u32 length, float scale) {
    T *row = scores + (u64)blockIdx.x * length;
    u32 seen = blockIdx.x % length + 1;
    float largest = -INFINITY, total = 0.0f;
    for (u32 i = threadIdx.x; i < seen; i += blockDim.x) largest = fmaxf(largest, get(row[i]) * scale);
    largest = over_block<Largest>(largest);
    for (u32 i = threadIdx.x; i < seen; i += blockDim.x) total += expf(get(row[i]) * scale - largest);
    total = 1.0f / over_block<Sum>(total);
    for (u32 i = threadIdx.x; i < length; i += blockDim.x) put(row + i, i < seen ? expf(get(row[i]) * scale - largest) * total : 0.0f);
}
BOTH(softmax, (float *scores, u32 length, float scale), (bf16 *scores, u32 length, float scale), (scores, length, scale))

// Gradient of the shares to gradient of the unscaled scores, in place.
template <class T>
__device__ inline void softmax_back(T *gradient, const T *shares, u32 length, float scale) {
    T *dp = gradient + (u64)blockIdx.x * length;
    const T *p = shares + (u64)blockIdx.x * length;
    float mean = 0.0f;
    for (u32 i = threadIdx.x; i < length; i += blockDim.x) mean += get(p[i]) * get(dp[i]);
    mean = over_block<Sum>(mean);
    for (u32 i = threadIdx.x; i < length; i += blockDim.x) put(dp + i, scale * get(p[i]) * (get(dp[i]) - mean));
}
BOTH(softmax_back, (float *gradient, const float *shares, u32 length, float scale), (bf16 *gradient, const bf16 *shares, u32 length, float scale),
     (gradient, shares, length, scale))

// Rows are counted by x, as in `gate`.
template <class T>
__device__ inline void gate_back(T *d_gate_up, const T *d_gated, const T *gate_up, u32 hidden) {
    u64 at = (u64)blockIdx.x * 2 * hidden;
    u32 i = blockIdx.y * blockDim.x + threadIdx.x;
    if (i >= hidden) return;
    float g = get(gate_up[at + i]), up = get(gate_up[at + hidden + i]), d = get(d_gated[(u64)blockIdx.x * hidden + i]);
    float sigmoid = 1.0f / (1.0f + expf(-g));
    put(d_gate_up + at + i, d * up * sigmoid * (1.0f + g * (1.0f - sigmoid)));
    put(d_gate_up + at + hidden + i, d * g * sigmoid);
}
BOTH(gate_back, (float *d_gate_up, const float *d_gated, const float *gate_up, u32 hidden),
     (bf16 *d_gate_up, const bf16 *d_gated, const bf16 *gate_up, u32 hidden), (d_gate_up, d_gated, gate_up, hidden))

// Adds the gradient through a normalisation to `dx` and keeps each row's scale for `gains_back`. A block a row.
template <class T>
__device__ inline void norm_back(T *dx, float *scales, const T *x, const T *gains, const T *dy, u32 width, float epsilon) {
    u64 at = (u64)blockIdx.x * width;
    float squares = 0.0f, along = 0.0f;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
        squares += get(x[at + i]) * get(x[at + i]);
        along += get(gains[i]) * get(dy[at + i]) * get(x[at + i]);
    }
    float scale = 1.0f / sqrtf(over_block<Sum>(squares) / (float)width + epsilon);
    along = over_block<Sum>(along) * scale * scale * scale / (float)width;
    if (threadIdx.x == 0) scales[blockIdx.x] = scale;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x)
        put(dx + at + i, get(dx[at + i]) + scale * get(gains[i]) * get(dy[at + i]) - along * get(x[at + i]));
}
BOTH(norm_back, (float *dx, float *scales, const float *x, const float *gains, const float *dy, u32 width, float epsilon),
     (bf16 *dx, float *scales, const bf16 *x, const bf16 *gains, const bf16 *dy, u32 width, float epsilon), (dx, scales, x, gains, dy, width, epsilon))

// The gradient of the gains. A thread a column.
template <class T>
__device__ inline void gains_back(T *gradient, const T *x, const T *dy, const float *scales, u32 width, u32 rows) {
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= width) return;
    float sum = 0.0f;
    for (u32 r = 0; r < rows; r++) sum += get(dy[(u64)r * width + i]) * get(x[(u64)r * width + i]) * scales[r];
    put(gradient + i, sum);
}
BOTH(gains_back, (float *gradient, const float *x, const float *dy, const float *scales, u32 width, u32 rows),
     (bf16 *gradient, const bf16 *x, const bf16 *dy, const float *scales, u32 width, u32 rows), (gradient, x, dy, scales, width, rows))

// Loss of each row, and the gradient of the mean loss in the place of its logits. A block a row. Where nothing is wanted (NOBODY) both are 0.
template <class T>
__device__ inline void cross_entropy(T *gradient, float *loss, const float *logits, const u32 *wanted, u32 vocabulary, u32 rows) {
    const float *row = logits + (u64)blockIdx.x * vocabulary;
    u32 right = wanted[blockIdx.x];
    if (right == NOBODY) {
        if (threadIdx.x == 0) loss[blockIdx.x] = 0.0f;
        for (u32 i = threadIdx.x; i < vocabulary; i += blockDim.x) put(gradient + (u64)blockIdx.x * vocabulary + i, 0.0f);
        return;
    }
    float largest = -INFINITY, total = 0.0f;
    for (u32 i = threadIdx.x; i < vocabulary; i += blockDim.x) largest = fmaxf(largest, row[i]);
    largest = over_block<Largest>(largest);
    for (u32 i = threadIdx.x; i < vocabulary; i += blockDim.x) total += expf(row[i] - largest);
    total = over_block<Sum>(total);
    if (threadIdx.x == 0) loss[blockIdx.x] = logf(total) - (row[right] - largest);
    for (u32 i = threadIdx.x; i < vocabulary; i += blockDim.x)
        put(gradient + (u64)blockIdx.x * vocabulary + i, (expf(row[i] - largest) / total - (i == right ? 1.0f : 0.0f)) / (float)rows);
}
BOTH(cross_entropy, (float *gradient, float *loss, const float *logits, const u32 *wanted, u32 vocabulary, u32 rows),
     (bf16 *gradient, float *loss, const float *logits, const u32 *wanted, u32 vocabulary, u32 rows), (gradient, loss, logits, wanted, vocabulary, rows))

// Adds the rows of `dx` to their tokens' rows of the embedding's gradient. Block x has token tokens[x], whose rows are order[begins[x]] to order[begins[x + 1]]: none where
// a recorded step has more blocks than its texts have tokens, and then tokens[x] may be another block's.
template <class T>
__device__ inline void embed_back(T *gradient, const T *dx, const u32 *tokens, const u32 *begins, const u32 *order, u32 width) {
    if (begins[blockIdx.x] == begins[blockIdx.x + 1]) return;
    T *to = gradient + (u64)tokens[blockIdx.x] * width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
        float sum = get(to[i]);
        for (u32 n = begins[blockIdx.x]; n < begins[blockIdx.x + 1]; n++) sum += get(dx[(u64)order[n] * width + i]);
        put(to + i, sum);
    }
}
BOTH(embed_back, (float *gradient, const float *dx, const u32 *tokens, const u32 *begins, const u32 *order, u32 width),
     (bf16 *gradient, const bf16 *dx, const u32 *tokens, const u32 *begins, const u32 *order, u32 width), (gradient, dx, tokens, begins, order, width))

// AdamW (arXiv 1711.05101) without decay of weights, on weights in float of which `weights` is the copy to compute with (the same place where these are float). `rates` is the
// step's size and what undoes the bias of both means: numbers in memory, since a recorded step keeps its arguments.
template <class T>
__device__ inline void adamw(T *weights, float *master, float *mean, float *square, const T *gradient, const float *rates, u64 count) {
    u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float rate = rates[0], a = rates[1], b = rates[2], g = get(gradient[i]);
    float m = mean[i] + 0.1f * (g - mean[i]), v = square[i] + 0.001f * (g * g - square[i]);
    mean[i] = m;
    square[i] = v;
    float w = master[i] - rate * (m / a) / (sqrtf(v / b) + 1e-8f);
    master[i] = w;
    put(weights + i, w);
}
BOTH(adamw, (float *weights, float *master, float *mean, float *square, const float *gradient, const float *rates, u64 count),
     (bf16 *weights, float *master, float *mean, float *square, const bf16 *gradient, const float *rates, u64 count),
     (weights, master, mean, square, gradient, rates, count))

// Words from one place to another.
extern "C" __global__ void copy(u32 *to, const u32 *from, u64 count) {
    u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) to[i] = from[i];
}
