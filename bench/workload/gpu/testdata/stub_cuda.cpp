// A libcuda.so.1 for tests, after NVIDIA's "CUDA Driver API" reference: the calls that the built-in engine makes, on memory of the host, with the kernels run by
// host.h. Stricter than a driver where that finds mistakes:
//   - work is queued and done at a synchronisation, so that results that nobody waited for are garbage;
//   - memory is garbage when it is new, ends at a page that may not be touched, and is checked for what was written before its beginning and behind its end;
//   - handles are checked (destroyed, foreign, of another kind), the current context too, and launches against the limits of a block and a grid;
//   - while a stream is captured, what a driver forbids then is refused.
// STUB_CUDA names a folder; a file there scripts a fault, read at each call:
//   memory_mb    what the card has (8192)       devices   how many (2)      capability  as "75" (90)
//   fault        a CUresult that synchronisations and launches return from then on: 214 ECC, 719 launch failure, 999 unknown
//   uuid         of device 1, as bytes of "00112233-..." after "GPU-"
//   wrong        present: products come out wrong by a hundredth; "corner": the first 64 rows and columns of each only
//   mig          UUID of an instance: that is what device 0 then is
// The log of calls' count goes to `calls`, when the context is released.
#include "host.h"

#include "../kernels/common.cu"
#include "../kernels/weights.cu"
#include "../kernels/decoder.cu"
#include "../kernels/attention.cu"
#include "../kernels/product.cu"
#include "../kernels/training.cu"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

typedef int CUresult;
enum {
    SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, DEINITIALIZED = 4, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201, ECC = 214, INVALID_PTX = 218, UNSUPPORTED_PTX = 222, INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700,
    LAUNCH_OUT_OF_RESOURCES = 701, LAUNCH_FAILED = 719, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_UNMATCHED = 903, UNKNOWN = 999
};

// Kernels by name: a function that takes them apart as cuLaunchKernel gives them, and the sizes of what it takes.
struct Kernel {
    std::function<void(const std::vector<u64> &)> call;
    std::vector<size_t> sizes;
};

template <class... A, size_t... I>
static Kernel kernel_of(void (*f)(A...), std::index_sequence<I...>) {
    Kernel kernel;
    kernel.sizes = {sizeof(A)...};
    kernel.call = [f](const std::vector<u64> &words) {
        std::tuple<A...> values;
        (memcpy(&std::get<I>(values), &words[I], sizeof(A)), ...);
        std::apply(f, values);
    };
    return kernel;
}
template <class... A>
static Kernel kernel_of(void (*f)(A...)) {
    return kernel_of(f, std::index_sequence_for<A...>());
}

static const std::map<std::string, Kernel> &kernels() {
    static const std::map<std::string, Kernel> all = {
#define KERNEL(name) {#name, kernel_of(name)},
#include "kernels.inc"
    };
    return all;
}

// Everybody in turn: a thread that asks again and again, as one at work does, must not keep another from being served, which cards of their own would not do either.
struct Queue {
    std::mutex inside;
    std::condition_variable moved;
    unsigned long next = 0, served = 0;
    std::thread::id owner;
    int depth = 0;

    void lock() {
        std::unique_lock<std::mutex> held(inside);
        if (depth > 0 && owner == std::this_thread::get_id()) {
            depth++;
            return;
        }
        unsigned long mine = next++;
        moved.wait(held, [&] { return served == mine && depth == 0; });
        owner = std::this_thread::get_id();
        depth = 1;
    }
    void unlock() {
        std::lock_guard<std::mutex> held(inside);
        if (--depth > 0) return;
        served++;
        moved.notify_all();
    }
};
static Queue lock;
#define LOCKED std::lock_guard<Queue> locked(lock)

static std::string state(const char *name) {
    const char *folder = getenv("STUB_CUDA");
    if (!folder) return "";
    FILE *file = fopen((std::string(folder) + "/" + name).c_str(), "r");
    if (!file) return "";
    char text[256] = {0};
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ')) text[--n] = 0;
    return n ? text : "1";
}
static long number(const char *name, long otherwise) {
    std::string text = state(name);
    return text.empty() ? otherwise : atol(text.c_str());
}

typedef std::function<void()> Work;
struct Stream {
    std::vector<Work> queue, captured;
    bool capturing = false;
    std::thread::id by;
};
struct Graph {
    std::vector<Work> work;
};
struct Module {
    std::string text;
};
struct Function {
    Module *module;
    const Kernel *kernel;
    std::string name;
};
struct Memory {
    char *pages;
    size_t reserved, bytes;
};

static bool initialised;
static int sticky;
static long calls;
static std::map<u64, Memory> memory;
static size_t used;
static std::set<void *> streams, graphs, executables, modules, functions;
static int retained[8];
static thread_local int current = -1;
static const size_t PAGE = 4096, EDGE = 256;
static const unsigned char CANARY = 0xc5, GARBAGE = 0xa7;

static bool alive() { return current >= 0 && retained[current] > 0; }

#define ENTER                                                  \
    LOCKED;                                                    \
    calls++;                                                   \
    if (!initialised) return NOT_INITIALIZED;
#define IN_CONTEXT                                             \
    ENTER                                                      \
    if (!alive()) return INVALID_CONTEXT;                      \
    if (sticky) return sticky;

static Stream *stream_of(void *handle) {
    static Stream null_stream;
    if (!handle) return &null_stream;
    return streams.count(handle) ? (Stream *)handle : nullptr;
}

// The allocation that holds these bytes whole.
static bool holds(u64 at, size_t bytes) {
    auto next = memory.upper_bound(at);
    if (next == memory.begin()) return false;
    --next;
    return at >= next->first && at + bytes <= next->first + next->second.bytes;
}

static void intact(const std::pair<const u64, Memory> &m) {
    const unsigned char *begin = (unsigned char *)m.first - EDGE, *end = (unsigned char *)m.first + m.second.bytes;
    for (const unsigned char *p = begin; p < (unsigned char *)m.first; p++)
        if (*p != CANARY) broken("something was written before the beginning of an allocation");
    for (const unsigned char *p = end; p < (unsigned char *)m.second.pages + m.second.reserved - PAGE; p++)
        if (*p != CANARY) broken("something was written behind the end of an allocation");
}

static CUresult drain(Stream *stream) {
    std::vector<Work> queue;
    queue.swap(stream->queue);
    for (auto &work : queue) work();
    for (auto &m : memory) intact(m);
    long fault = number("fault", 0);
    if (fault && !sticky) sticky = (int)fault;
    return sticky;
}

// For the stub of cuBLASLt too.
extern "C" CUresult orbit_stub_enqueue(void *handle, Work work) {
    LOCKED;
    Stream *stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    (stream->capturing ? stream->captured : stream->queue).push_back(std::move(work));
    return SUCCESS;
}
extern "C" bool orbit_stub_holds(u64 at, size_t bytes) {
    LOCKED;
    return holds(at, bytes);
}
extern "C" int orbit_stub_wrong() {
    std::string text = state("wrong");
    return text.empty() ? 0 : text == "corner" ? 2 : 1;
}

// What is wrong with this thread's card, so that tests beside each other have their own: the engine must find out each of them by itself.
//   1 attention of single rows sees the first six positions only      2 every tile of a prompt but the first comes out by half
//   3 the token after the chosen one is taken                         4 sequence 1 alone has half its attention
//   5 a graph replays the positions of its first launch               6 products in f32, which logits are, are a hundredth too large
//   7 products that are added to what is there are a hundredth too large
//   8 a graph replays the tiles of prompts of its first launch        9 a graph replays the tokens of its first launch
//   10 a graph replays AdamW's rates of its first launch
static thread_local int flaw;
extern "C" void orbit_stub_flaw(int what) { flaw = what; }

// What this thread has asked for one by one (kernels, products) and as a graph, but not what it had recorded.
static thread_local long asked[2];
extern "C" long orbit_stub_asked(int graphs) { return asked[graphs != 0]; }
extern "C" void orbit_stub_ask(void *handle) {
    Stream *stream = stream_of(handle);
    if (stream && !stream->capturing) asked[0]++;
}
extern "C" int orbit_stub_flawed() { return flaw; }

// Attention's numbers to their half, in bf16 or float.
static void halve(u64 numbers, u64 from, u64 count, bool bf) {
    for (u64 i = from; i < from + count; i++)
        if (bf) put((bf16 *)numbers + i, 0.5f * get(((bf16 *)numbers)[i]));
        else ((float *)numbers)[i] *= 0.5f;
}

// One launch with a flaw: `words` are the kernel's arguments, `kept` what the launch remembers from one time to the next.
static void flawed(int flaw, const std::string &name, std::vector<u64> words, unsigned blocks, std::vector<u32> &kept,
                   const std::function<void(const std::vector<u64> &)> &run) {
    bool one = name.rfind("attend_one", 0) == 0, bf = name.find("bf16") != std::string::npos;
    std::vector<u32> positions, stale;
    // What a recorded launch would read anew each time is what it read at first.
    auto replay = [&](u64 &at, size_t count) {
        if (kept.empty()) kept.assign((u32 *)at, (u32 *)at + count);
        stale = kept;
        at = (u64)stale.data();
    };
    if (flaw == 8 && name.rfind("attend_many", 0) == 0) replay(words[4], 4 * blocks);
    if (flaw == 9 && name.rfind("embed_", 0) == 0 && name.rfind("embed_back", 0) != 0) replay(words[2], blocks);
    if (flaw == 10 && name.rfind("adamw", 0) == 0) replay(words[5], 3);
    if ((flaw == 1 && one) || (flaw == 5 && (one || name.rfind("place", 0) == 0))) {
        u64 &at = words[one ? 6 : 4];
        u32 rows = blocks;
        for (unsigned i = 0; one && i < blocks; i++)
            if (u32 row = ((u32 *)words[4])[i]; row != NOBODY) rows = std::max(rows, row + 1);
        positions.assign((u32 *)at, (u32 *)at + rows);
        if (flaw == 1)
            for (auto &p : positions) p = p < 6 ? p : 5;
        if (flaw == 5 && kept.empty()) kept = positions;
        if (flaw == 5) positions = kept;
        at = (u64)positions.data();
    }
    run(words);
    if (flaw == 2 && name.rfind("attend_many", 0) == 0)
        for (unsigned i = 0; i < blocks; i++) {
            const Four &tile = ((const Four *)words[4])[i];
            u64 width = words[5] * (u64)atoi(name.c_str() + 12);
            if (tile.z >= 64) halve(words[0], tile.y * width, tile.w * width, true);
        }
    if (flaw == 3 && name == "choose")
        for (unsigned i = 0; i < blocks; i++) ((u32 *)words[0])[i] = (((u32 *)words[0])[i] + 1) % (u32)words[4];
    if (flaw == 4 && one)
        for (unsigned i = 0; i < blocks; i++) {
            u32 row = ((u32 *)words[4])[i];
            u64 width = words[7] * words[9];
            if (row != NOBODY && ((u32 *)words[5])[row] == 1) halve(words[0], row * width, width, bf);
        }
}
extern "C" long orbit_stub_capability() { return number("capability", 90); }

extern "C" {

CUresult cuInit(unsigned flags) {
    LOCKED;
    if (flags) return INVALID_VALUE;
    if (number("devices", 2) <= 0) return NO_DEVICE;
    initialised = true;
    return SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
    if (!version) return INVALID_VALUE;
    *version = (int)number("driver", 12020);
    return SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
    ENTER;
    if (!count) return INVALID_VALUE;
    *count = (int)number("devices", 2);
    return SUCCESS;
}

CUresult cuDeviceGet(int *device, int ordinal) {
    ENTER;
    if (!device || ordinal < 0) return INVALID_VALUE;
    if (ordinal >= number("devices", 2)) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, int device) {
    ENTER;
    if (!name || length <= 0) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    snprintf(name, (size_t)length, "Stub GPU (simulated)");
    return SUCCESS;
}

// As the stub of NVML has them: GPU-00000000-0000-0000-0000-00000000000N unless scripted.
CUresult cuDeviceGetUuid(unsigned char *uuid, int device) {
    ENTER;
    if (!uuid) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    memset(uuid, 0, 16);
    uuid[15] = (unsigned char)device;
    std::string text = device == 1 ? state("uuid") : "";
    int n = 0;
    for (size_t i = 0; i + 1 < text.size() && n < 16; i++) {
        if (text[i] == '-') continue;
        uuid[n++] = (unsigned char)strtoul(text.substr(i, 2).c_str(), nullptr, 16);
        i++;
    }
    return SUCCESS;
}

// Of an instance its own UUID: `mig` has that of device 0.
CUresult cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
    CUresult status = cuDeviceGetUuid(uuid, device);
    std::string text = status == SUCCESS && device == 0 ? state("mig") : "";
    int n = 0;
    for (size_t i = 0; i + 1 < text.size() && n < 16; i++) {
        if (text[i] == '-') continue;
        uuid[n++] = (unsigned char)strtoul(text.substr(i, 2).c_str(), nullptr, 16);
        i++;
    }
    return status;
}

// The second device has the lower bus, so that the order of ordinals ("fastest first") is not that of NVML, which goes by bus.
CUresult cuDeviceGetPCIBusId(char *id, int length, int device) {
    ENTER;
    if (!id || length < 13) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    snprintf(id, (size_t)length, "0000:%02X:00.0", device == 0 ? 0x81 : 0x41);
    return SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER;
    if (!value) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    switch (attribute) {
        case 16: *value = 4; break;    // multiprocessors
        case 75: *value = (int)orbit_stub_capability() / 10; break;
        case 76: *value = (int)orbit_stub_capability() % 10; break;
        case 97: *value = 166912; break;    // shared memory a block may ask for
        default: return INVALID_VALUE;
    }
    return SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) {
    ENTER;
    if (!bytes) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    *bytes = (size_t)number("memory_mb", 8192) << 20;
    return SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
    ENTER;
    if (!context) return INVALID_VALUE;
    if (device < 0 || device >= number("devices", 2)) return INVALID_DEVICE;
    retained[device]++;
    *context = (void *)(intptr_t)(0x1000 + device);
    return SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(int device) {
    ENTER;
    if (device < 0 || device >= 8 || retained[device] <= 0) return INVALID_CONTEXT;
    if (--retained[device] == 0) {
        for (auto &m : memory) intact(m);
        const char *folder = getenv("STUB_CUDA");
        if (folder) {
            FILE *file = fopen((std::string(folder) + "/released").c_str(), "w");
            if (file) {
                fprintf(file, "calls %ld, allocations left %zu, streams left %zu, modules left %zu, graphs left %zu\n", calls, memory.size(), streams.size(),
                        modules.size(), graphs.size() + executables.size());
                fclose(file);
            }
        }
    }
    return SUCCESS;
}

CUresult cuCtxSetCurrent(void *context) {
    ENTER;
    intptr_t device = (intptr_t)context - 0x1000;
    if (!context) {
        current = -1;
        return SUCCESS;
    }
    if (device < 0 || device >= 8 || retained[device] <= 0) return INVALID_CONTEXT;
    current = (int)device;
    return SUCCESS;
}

CUresult cuMemGetInfo_v2(size_t *left, size_t *total) {
    IN_CONTEXT;
    *total = (size_t)number("memory_mb", 8192) << 20;
    *left = *total > used ? *total - used : 0;
    return SUCCESS;
}

CUresult cuMemAlloc_v2(u64 *at, size_t bytes) {
    IN_CONTEXT;
    if (!at || bytes == 0) return INVALID_VALUE;
    for (void *s : streams)
        // In the thread-local mode only the capturing thread is kept from it.
        if (((Stream *)s)->capturing && ((Stream *)s)->by == std::this_thread::get_id()) return CAPTURE_UNSUPPORTED;
    if (used + bytes > (size_t)number("memory_mb", 8192) << 20) return OUT_OF_MEMORY;
    // The allocation ends, but for what alignment to 256 bytes leaves, at a page that may not be touched.
    size_t inner = (EDGE + bytes + 255) / 256 * 256, pages = (inner + PAGE - 1) / PAGE * PAGE + PAGE;
    char *p = (char *)mmap(nullptr, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(p + pages - PAGE, PAGE, PROT_NONE);
    char *begin = p + pages - PAGE - inner + EDGE;
    memset(begin - EDGE, CANARY, EDGE);
    memset(begin, GARBAGE, bytes);
    memset(begin + bytes, CANARY, (size_t)(p + pages - PAGE - begin) - bytes);
    memory[(u64)begin] = {p, pages, bytes};
    used += bytes;
    *at = (u64)begin;
    return SUCCESS;
}

CUresult cuMemFree_v2(u64 at) {
    ENTER;
    auto found = memory.find(at);
    if (found == memory.end()) return INVALID_VALUE;
    for (void *s : streams) drain((Stream *)s);
    intact(*found);
    used -= found->second.bytes;
    // What is freed is never given again, so that its use is found out.
    mprotect(found->second.pages, found->second.reserved, PROT_NONE);
    madvise(found->second.pages, found->second.reserved, MADV_DONTNEED);
    memory.erase(found);
    return SUCCESS;
}

CUresult cuMemcpyHtoDAsync_v2(u64 to, const void *from, size_t bytes, void *handle) {
    IN_CONTEXT;
    Stream *stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (!from || !holds(to, bytes)) return INVALID_VALUE;
    if (stream->capturing) return CAPTURE_UNSUPPORTED;
    // Pageable memory is staged: it may be changed as soon as the call returns.
    auto staged = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
    return orbit_stub_enqueue(handle, [=] { memcpy((void *)to, staged->data(), staged->size()); });
}

CUresult cuMemcpyDtoHAsync_v2(void *to, u64 from, size_t bytes, void *handle) {
    IN_CONTEXT;
    Stream *stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (!to || !holds(from, bytes)) return INVALID_VALUE;
    if (stream->capturing) return CAPTURE_UNSUPPORTED;
    return orbit_stub_enqueue(handle, [=] { memcpy(to, (void *)from, bytes); });
}

CUresult cuMemsetD8Async(u64 at, unsigned char value, size_t bytes, void *handle) {
    IN_CONTEXT;
    if (!stream_of(handle)) return INVALID_HANDLE;
    if (!holds(at, bytes)) return INVALID_VALUE;
    return orbit_stub_enqueue(handle, [=] { memset((void *)at, value, bytes); });
}

CUresult cuStreamCreate(void **stream, unsigned flags) {
    IN_CONTEXT;
    if (!stream || flags > 1) return INVALID_VALUE;
    streams.insert(*stream = new Stream);
    return SUCCESS;
}

CUresult cuStreamDestroy_v2(void *handle) {
    ENTER;
    if (!handle || !streams.count(handle)) return INVALID_HANDLE;
    drain((Stream *)handle);
    streams.erase(handle);
    return SUCCESS;
}

CUresult cuStreamSynchronize(void *handle) {
    IN_CONTEXT;
    Stream *stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (stream->capturing) return CAPTURE_UNSUPPORTED;
    return drain(stream);
}

CUresult cuStreamBeginCapture_v2(void *handle, int mode) {
    IN_CONTEXT;
    // The null stream cannot be captured.
    if (!handle || !streams.count(handle)) return INVALID_HANDLE;
    if (mode < 0 || mode > 2) return INVALID_VALUE;
    Stream *stream = (Stream *)handle;
    if (stream->capturing) return CAPTURE_INVALIDATED;
    stream->capturing = true;
    stream->by = std::this_thread::get_id();
    stream->captured.clear();
    return SUCCESS;
}

CUresult cuStreamEndCapture(void *handle, void **graph) {
    IN_CONTEXT;
    if (!handle || !streams.count(handle)) return INVALID_HANDLE;
    Stream *stream = (Stream *)handle;
    if (!stream->capturing || !graph) return CAPTURE_UNMATCHED;
    stream->capturing = false;
    auto *made = new Graph;
    made->work.swap(stream->captured);
    graphs.insert(*graph = made);
    return SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(void **executable, void *graph, u64 flags) {
    IN_CONTEXT;
    if (!graph || !graphs.count(graph)) return INVALID_HANDLE;
    if (!executable || flags > 15) return INVALID_VALUE;
    executables.insert(*executable = new Graph(*(Graph *)graph));
    return SUCCESS;
}

CUresult cuGraphLaunch(void *executable, void *handle) {
    IN_CONTEXT;
    if (!executable || !executables.count(executable) || !stream_of(handle)) return INVALID_HANDLE;
    asked[1]++;
    for (auto &work : ((Graph *)executable)->work) orbit_stub_enqueue(handle, work);
    return SUCCESS;
}

CUresult cuGraphExecDestroy(void *executable) {
    ENTER;
    return executables.erase(executable) ? SUCCESS : INVALID_HANDLE;
}

CUresult cuGraphDestroy(void *graph) {
    ENTER;
    return graphs.erase(graph) ? SUCCESS : INVALID_HANDLE;
}

CUresult cuModuleLoadData(void **module, const void *image) {
    IN_CONTEXT;
    if (!module || !image) return INVALID_VALUE;
    const char *text = (const char *)image, *version = strstr(text, ".version "), *target = strstr(text, ".target sm_");
    if (!version || !target) return INVALID_IMAGE;
    // ISA 8.2 is CUDA 12.2's; a driver refuses what is newer than itself, and a target above the card.
    if (atof(version + 9) > (double)number("driver", 12020) / 1000 - 12.0 + 8.0 + (double)(number("driver", 12020) % 1000) / 100 * 0.9 + 0.01)
        return UNSUPPORTED_PTX;
    if (atoi(target + 11) > orbit_stub_capability()) return INVALID_PTX;
    auto *made = new Module{text};
    modules.insert(*module = made);
    return SUCCESS;
}

CUresult cuModuleUnload(void *module) {
    ENTER;
    return modules.erase(module) ? SUCCESS : INVALID_HANDLE;
}

CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
    IN_CONTEXT;
    if (!module || !modules.count(module)) return INVALID_HANDLE;
    if (!function || !name) return INVALID_VALUE;
    auto *from = (Module *)module;
    auto found = kernels().find(name);
    if (from->text.find(std::string(".entry ") + name + "(") == std::string::npos || found == kernels().end()) return NOT_FOUND;
    functions.insert(*function = new Function{from, &found->second, name});
    return SUCCESS;
}

CUresult cuLaunchKernel(void *handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream,
                        void **parameters, void **extra) {
    IN_CONTEXT;
    if (!handle || !functions.count(handle)) return INVALID_HANDLE;
    auto *function = (Function *)handle;
    if (!modules.count(function->module) || !stream_of(stream)) return INVALID_HANDLE;
    if (!gx || !gy || !gz || !bx || !by || !bz || gx > 0x7fffffffu || gy > 65535 || gz > 65535 || bx > 1024 || by > 1024 || bz > 64 || bx * by * bz > 1024 ||
        extra || !parameters)
        return INVALID_VALUE;
    if (shared > 48 * 1024) return INVALID_VALUE;
    std::vector<u64> words;
    for (size_t i = 0; i < function->kernel->sizes.size(); i++) {
        if (!parameters[i]) return INVALID_VALUE;
        u64 word = 0;
        memcpy(&word, parameters[i], function->kernel->sizes[i]);
        words.push_back(word);
    }
    const Kernel *kernel = function->kernel;
    orbit_stub_ask(stream);
    if (flaw) {
        auto kept = std::make_shared<std::vector<u32>>();
        return orbit_stub_enqueue(stream, [=, what = flaw, name = function->name] {
            flawed(what, name, words, gx, *kept, [&](const std::vector<u64> &words) {
                struct Call {
                    const Kernel *kernel;
                    const std::vector<u64> *words;
                } call = {kernel, &words};
                run_grid({gx, gy, gz}, {bx, by, bz}, [](void *data) { ((Call *)data)->kernel->call(*((Call *)data)->words); }, &call);
            });
        });
    }
    return orbit_stub_enqueue(stream, [=] {
        struct Call {
            const Kernel *kernel;
            const std::vector<u64> *words;
        } call = {kernel, &words};
        run_grid({gx, gy, gz}, {bx, by, bz}, [](void *data) { ((Call *)data)->kernel->call(*((Call *)data)->words); }, &call);
    });
}

CUresult cuGetErrorName(CUresult error, const char **name) {
    static const std::map<int, const char *> names = {
        {0, "CUDA_SUCCESS"}, {1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {3, "CUDA_ERROR_NOT_INITIALIZED"}, {100, "CUDA_ERROR_NO_DEVICE"},
        {101, "CUDA_ERROR_INVALID_DEVICE"}, {200, "CUDA_ERROR_INVALID_IMAGE"}, {201, "CUDA_ERROR_INVALID_CONTEXT"}, {214, "CUDA_ERROR_ECC_UNCORRECTABLE"},
        {218, "CUDA_ERROR_INVALID_PTX"}, {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"}, {400, "CUDA_ERROR_INVALID_HANDLE"}, {500, "CUDA_ERROR_NOT_FOUND"},
        {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {719, "CUDA_ERROR_LAUNCH_FAILED"}, {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}, {999, "CUDA_ERROR_UNKNOWN"}};
    auto found = names.find(error);
    if (!name || found == names.end()) return INVALID_VALUE;
    *name = found->second;
    return SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
    static const std::map<int, const char *> texts = {
        {1, "invalid argument"}, {2, "out of memory"}, {3, "initialization error"}, {100, "no CUDA-capable device is detected"}, {214, "uncorrectable ECC error encountered"},
        {222, "the provided PTX was compiled with an unsupported toolchain."}, {500, "named symbol not found"}, {719, "unspecified launch failure"}, {999, "unknown error"}};
    auto found = texts.find(error);
    if (!text || found == texts.end()) return INVALID_VALUE;
    *text = found->second;
    return SUCCESS;
}
}
