// A libcublasLt for tests, after NVIDIA's cuBLASLt reference: plain loops in float on the stub's memory, in the order of its streams. Refuses what the library
// refuses: layouts that do not fit each other, pointers outside an allocation or less aligned than its algorithm was chosen for, E4M3 other than "TN" or with sizes that are no multiples of 16, FP8 below capability 8.9.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

typedef int Status;
enum { SUCCESS = 0, NOT_INITIALIZED = 1, ALLOC_FAILED = 3, INVALID_VALUE = 7, ARCH_MISMATCH = 8, EXECUTION_FAILED = 13, INTERNAL = 14, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16BF = 14, R_8F_E4M3 = 28, COMPUTE_32F = 68 };

extern "C" int orbit_stub_enqueue(void *stream, std::function<void()> work);
extern "C" void orbit_stub_ask(void *stream);
extern "C" bool orbit_stub_holds(unsigned long long at, size_t bytes);
extern "C" int orbit_stub_wrong();
extern "C" int orbit_stub_flawed();
extern "C" long orbit_stub_capability();

struct Desc {
    int compute, scale, transa = 0, transb = 0;
    const float *a_scale = nullptr, *b_scale = nullptr;
};
struct Layout {
    int type;
    uint64_t rows, cols;
    int64_t ld;
    int32_t batch = 1;
    int64_t stride = 0;
};
// Pointers are taken to be multiples of 256 bytes unless a preference says otherwise (attributes 5 to 8: of A, B, C, D), and an algorithm is held to what it was chosen for.
struct Preference {
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256};
};
struct Algo {
    uint64_t data[8];
};
struct Heuristic {
    Algo algo;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

// Tests call from several threads, and each other's handles are in one book.
static std::recursive_mutex book;
#define LOCKED std::lock_guard<std::recursive_mutex> locked(book)
static std::set<void *> handles, descs, layouts, preferences;
static const uint64_t MARK = 0x0b17be7c0ffee000ull;

static size_t size_of(int type) { return type == R_32F ? 4 : type == R_16BF ? 2 : type == R_8F_E4M3 ? 1 : 0; }

static float e4m3(unsigned code) {
    unsigned exponent = code >> 3 & 15, fraction = code & 7;
    if ((code & 127) == 127) return __builtin_nanf("");
    float x = exponent ? __builtin_ldexpf(1.0f + (float)fraction / 8.0f, (int)exponent - 7) : __builtin_ldexpf((float)fraction, -9);
    return code & 128 ? -x : x;
}

static float get(const char *base, int type, uint64_t i) {
    if (type == R_32F) return ((const float *)base)[i];
    if (type == R_8F_E4M3) return e4m3(((const unsigned char *)base)[i]);
    uint32_t bits = (uint32_t)((const uint16_t *)base)[i] << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

// An operand as floats, `k` side by side and `lanes` apart, whichever way it lies.
static std::vector<float> laid(const char *base, const Layout &l, bool along, uint64_t rows, uint64_t k, uint64_t lanes) {
    std::vector<float> out(rows * lanes);
    uint64_t row = along ? (uint64_t)l.ld : 1, step = along ? 1 : (uint64_t)l.ld;
    static const std::vector<float> table = [] {
        std::vector<float> all(256);
        for (unsigned code = 0; code < 256; code++) all[code] = e4m3(code);
        return all;
    }();
    for (uint64_t i = 0; i < rows; i++) {
        float *to = &out[i * lanes];
        if (l.type == R_8F_E4M3)
            for (uint64_t p = 0; p < k; p++) to[p] = table[((const unsigned char *)base)[i * row + p * step]];
        else if (l.type == R_32F)
            for (uint64_t p = 0; p < k; p++) to[p] = get(base, R_32F, i * row + p * step);
        else
            for (uint64_t p = 0; p < k; p++) to[p] = get(base, R_16BF, i * row + p * step);
    }
    return out;
}

static void put(char *base, int type, uint64_t i, float x) {
    if (type == R_32F) {
        ((float *)base)[i] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    ((uint16_t *)base)[i] = x != x ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Elements from the first to the last, with a batch.
static bool inside(const void *at, const Layout &l) {
    uint64_t last = (uint64_t)(l.batch - 1) * (uint64_t)l.stride + (l.cols - 1) * (uint64_t)l.ld + l.rows;
    return orbit_stub_holds((unsigned long long)at, last * size_of(l.type));
}

static Status fits(const Desc &d, const Layout &a, const Layout &b, const Layout &c, const Layout &out) {
    uint64_t m = d.transa ? a.cols : a.rows, k = d.transa ? a.rows : a.cols, n = d.transb ? b.rows : b.cols, kb = d.transb ? b.cols : b.rows;
    if (out.rows != m || out.cols != n || kb != k || c.rows != m || c.cols != n || c.type != out.type) return INVALID_VALUE;
    if (a.batch != b.batch || a.batch != out.batch || c.batch != out.batch || a.type != b.type) return INVALID_VALUE;
    if (out.type == R_8F_E4M3) return NOT_SUPPORTED;
    if (a.type == R_32F && out.type != R_32F) return NOT_SUPPORTED;
    if (a.type == R_8F_E4M3) {
        if (orbit_stub_capability() < 89) return NOT_SUPPORTED;
        if (!d.transa || d.transb || m % 16 || n % 16 || k % 16 || a.ld % 16 || b.ld % 16) return NOT_SUPPORTED;
    }
    return SUCCESS;
}

extern "C" {
size_t cublasLtGetVersion() { return 120205; }

Status cublasLtCreate(void **handle) { LOCKED;
    if (!handle) return INVALID_VALUE;
    handles.insert(*handle = malloc(1));
    return SUCCESS;
}
Status cublasLtDestroy(void *handle) { LOCKED; return handles.erase(handle) ? SUCCESS : NOT_INITIALIZED; }

Status cublasLtMatmulDescCreate(void **desc, int compute, int scale) { LOCKED;
    if (compute != COMPUTE_32F || scale != R_32F) return NOT_SUPPORTED;
    auto *made = new Desc;
    made->compute = compute;
    made->scale = scale;
    descs.insert(*desc = made);
    return SUCCESS;
}
Status cublasLtMatmulDescDestroy(void *desc) { LOCKED; return descs.erase(desc) ? SUCCESS : INVALID_VALUE; }
Status cublasLtMatmulDescSetAttribute(void *desc, int attribute, const void *value, size_t bytes) { LOCKED;
    if (!descs.count(desc) || !value) return INVALID_VALUE;
    auto *d = (Desc *)desc;
    if ((attribute == 3 || attribute == 4) && bytes == 4) {
        int op = *(const int *)value;
        if (op < 0 || op > 2) return INVALID_VALUE;
        (attribute == 3 ? d->transa : d->transb) = op != 0;
        return SUCCESS;
    }
    if ((attribute == 17 || attribute == 18) && bytes == 8) {
        memcpy(attribute == 17 ? &d->a_scale : &d->b_scale, value, 8);
        return SUCCESS;
    }
    if (attribute == 25 && bytes == 1) return SUCCESS;
    return INVALID_VALUE;
}

Status cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t cols, int64_t ld) { LOCKED;
    if (!layout || !size_of(type) || rows == 0 || cols == 0 || ld < (int64_t)rows) return INVALID_VALUE;
    layouts.insert(*layout = new Layout{type, rows, cols, ld});
    return SUCCESS;
}
Status cublasLtMatrixLayoutDestroy(void *layout) { LOCKED; return layouts.erase(layout) ? SUCCESS : INVALID_VALUE; }
Status cublasLtMatrixLayoutSetAttribute(void *layout, int attribute, const void *value, size_t bytes) { LOCKED;
    if (!layouts.count(layout) || !value) return INVALID_VALUE;
    auto *l = (Layout *)layout;
    if (attribute == 5 && bytes == 4) {
        l->batch = *(const int32_t *)value;
        return l->batch > 0 ? SUCCESS : INVALID_VALUE;
    }
    if (attribute == 6 && bytes == 8) {
        l->stride = *(const int64_t *)value;
        return SUCCESS;
    }
    return INVALID_VALUE;
}

Status cublasLtMatmulPreferenceCreate(void **preference) { LOCKED;
    preferences.insert(*preference = new Preference);
    return SUCCESS;
}
Status cublasLtMatmulPreferenceDestroy(void *preference) { LOCKED; return preferences.erase(preference) ? SUCCESS : INVALID_VALUE; }
Status cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value, size_t bytes) { LOCKED;
    if (!preferences.count(preference) || !value) return INVALID_VALUE;
    if (attribute == 1 && bytes == 8) {
        memcpy(&((Preference *)preference)->workspace, value, 8);
        return SUCCESS;
    }
    if (attribute < 5 || attribute > 8 || bytes != 4) return INVALID_VALUE;
    memcpy(&((Preference *)preference)->alignment[attribute - 5], value, 4);
    return SUCCESS;
}

Status cublasLtMatmulAlgoGetHeuristic(void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted, Heuristic *results,
                                      int *found) { LOCKED;
    if (!handles.count(handle)) return NOT_INITIALIZED;
    if (!descs.count(desc) || !layouts.count(a) || !layouts.count(b) || !layouts.count(c) || !layouts.count(d) || !preferences.count(preference) || wanted < 1 ||
        !results || !found)
        return INVALID_VALUE;
    *found = 0;
    Status status = fits(*(Desc *)desc, *(Layout *)a, *(Layout *)b, *(Layout *)c, *(Layout *)d);
    if (status != SUCCESS) return status;
    memset(results, 0, sizeof *results);
    results->algo.data[0] = MARK;
    for (int i = 0; i < 4; i++) results->algo.data[1 + i] = ((Preference *)preference)->alignment[i];
    results->workspace = 1024;
    if (results->workspace > ((Preference *)preference)->workspace) return NOT_SUPPORTED;
    *found = 1;
    return SUCCESS;
}

Status cublasLtMatmul(void *handle, void *desc, const void *alpha, const void *a, void *la, const void *b, void *lb, const void *beta, const void *c, void *lc,
                      void *d, void *ld, const Algo *algo, void *workspace, size_t workspace_bytes, void *stream) { LOCKED;
    if (!handles.count(handle)) return NOT_INITIALIZED;
    if (!descs.count(desc) || !layouts.count(la) || !layouts.count(lb) || !layouts.count(lc) || !layouts.count(ld) || !alpha || !beta) return INVALID_VALUE;
    Desc how = *(Desc *)desc;
    Layout A = *(Layout *)la, B = *(Layout *)lb, C = *(Layout *)lc, D = *(Layout *)ld;
    Status status = fits(how, A, B, C, D);
    if (status != SUCCESS) return status;
    if (algo && (algo->data[0] != MARK || workspace_bytes < 1024 || !orbit_stub_holds((unsigned long long)workspace, workspace_bytes))) return INVALID_VALUE;
    const void *pointers[4] = {a, b, c, d};
    for (int i = 0; algo && i < 4; i++)
        if (!algo->data[1 + i] || (unsigned long long)pointers[i] % algo->data[1 + i]) return INVALID_VALUE;
    if (!inside(a, A) || !inside(b, B) || !inside(d, D)) return INVALID_VALUE;
    float al = *(const float *)alpha, be = *(const float *)beta;
    if (be != 0.0f && !inside(c, C)) return INVALID_VALUE;
    if (A.type == R_8F_E4M3 && (!how.a_scale || !how.b_scale)) return INVALID_VALUE;
    bool flawed = (orbit_stub_flawed() == 6 && D.type == R_32F && A.type != R_32F) || (orbit_stub_flawed() == 7 && be != 0.0f);
    auto work = [=] {
        uint64_t m = D.rows, n = D.cols, k = how.transa ? A.rows : A.cols;
        float scale = al * (how.a_scale ? *how.a_scale : 1.0f) * (how.b_scale ? *how.b_scale : 1.0f) * (flawed ? 1.01f : 1.0f);
        int wrong = orbit_stub_wrong();
        for (int64_t z = 0; z < D.batch; z++) {
            const char *az = (const char *)a + (uint64_t)(z * A.stride) * size_of(A.type), *bz = (const char *)b + (uint64_t)(z * B.stride) * size_of(B.type);
            const char *cz = (const char *)c + (uint64_t)(z * C.stride) * size_of(C.type);
            char *dz = (char *)d + (uint64_t)(z * D.stride) * size_of(D.type);
            // Both with k side by side, as floats; sums in eight lanes, as no library adds in one.
            uint64_t lanes = (k + 7) / 8 * 8;
            std::vector<float> fa = laid(az, A, how.transa, m, k, lanes), fb = laid(bz, B, !how.transb, n, k, lanes);
            for (uint64_t j = 0; j < n; j++)
                for (uint64_t i = 0; i < m; i++) {
                    const float *x = &fa[i * lanes], *y = &fb[j * lanes];
                    float part[8] = {0}, sum = 0.0f;
                    for (uint64_t p = 0; p < lanes; p += 8)
                        for (int l = 0; l < 8; l++) part[l] += x[p + l] * y[p + l];
                    for (float l : part) sum += l;
                    float before = be != 0.0f ? be * get(cz, C.type, j * (uint64_t)C.ld + i) : 0.0f;
                    bool spoilt = wrong == 1 || (wrong == 2 && i < 64 && j < 64);
                    put(dz, D.type, j * (uint64_t)D.ld + i, scale * sum * (spoilt ? 1.01f : 1.0f) + before);
                }
        }
    };
    orbit_stub_ask(stream);
    return orbit_stub_enqueue(stream, work) == 0 ? SUCCESS : EXECUTION_FAILED;
}
}
