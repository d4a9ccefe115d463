/* A stand-in for libnvidia-ml.so.1, written after NVIDIA's NVML API reference (signatures, units, return codes) and not after our driver:
 * whatever it answers, a real library could answer. It models what the reference and arXiv 2312.02741 say of the readings: power that is
 * looked at for 25 ms of every 100 ms, an average over a second, a counter in millijoules. Built by the tests with
 *   cc -shared -fPIC -o libnvidia-ml.so.1 stub_nvml.c -lm [-D...]
 * and good for trying the whole bench without a GPU: ORBITBENCH_NVML=./libnvidia-ml.so.1 STUB_NVML=/some/folder
 *
 * The folder is the driver that outlives its users, one small text file a value, `gpu<index>.<name>`; what is not there has its default.
 * Read: load (0..1), die (degC), memory_die, throttle (bits), tlimit (1: thresholds as T.Limit only, its margin
 *   to the maximum operating temperature; 2: its margin to the slowdown, as the reference has it), tlimit_slowdown (that threshold, K), xid (an event whenever it changes),
 *   ecc_corrected, ecc_uncorrected (with _before: earlier in the board's life), remapped, remap_pending, remap_failed, retired, processes (lines "pid bytes"), mig (instances), counter_reset (the
 *   counter starts anew whenever it changes), uuid (of the board), persistence (0: off, and a process's first call to the board takes a while), cc (1: confidential
 *   computing is on), sample_ms (between two of the samples that the driver keeps, 20), violation<policy> (s that a reason held the clocks beside what the model says),
 *   unsupported (what answers NOT_SUPPORTED, of: violation_status, violation_fields, samples, clocks, video, pcie, energy,
 *   energy_call, die, margin, processes; root: this user is not), fault: lost, reset, hang, zero, no_permission, deaf (setters do nothing and say SUCCESS)
 * Written by the setters: limit_mw, locked ("min max"); a line a call in `log`.
 *
 * -DSTATE=\"folder\"      instead of STUB_NVML
 * -DDEVICES=n            GPUs present (2)
 * -DINIT=code            what nvmlInit_v2 returns
 * -DLOST_AFTER=n         every device call after the n-th returns LOST_CODE (NVML_ERROR_GPU_IS_LOST)
 * -DLOST_CODE=code
 * -DREFUSE=code          everything optional returns this
 * -DPOWER_MW=n           constant power of GPU 0 instead of the model: average 1 W, instant 2 W above it
 * -DMEMORY_DEGC=n       memory temperature
 * -DTHROTTLE=bits        instead of the file
 * -DENERGY_SEQUENCE=...  energy counter values in turn instead
 * -DNO_FIELDS -DNO_ENERGY -DNO_ENFORCED -DNO_THROTTLE -DNO_SAMPLES   leaves the symbol out, as an old driver does
 * -DNEW_NAMES            leaves deprecated names out (nvmlDeviceGetTemperature, ...ThrottleReasons), as a driver some day may
 * -DOLD_NAMES            leaves the names out that came in their place
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <pthread.h>

#ifndef DEVICES
#define DEVICES 2
#endif
#ifndef INIT
#define INIT 0
#endif
#ifndef LOST_AFTER
#define LOST_AFTER -1
#endif
#ifndef LOST_CODE
#define LOST_CODE 15
#endif
#ifndef MEMORY_DEGC
#define MEMORY_DEGC 71
#endif
#ifndef STATE
#define STATE getenv("STUB_NVML")
#endif

enum { MAX_MIG = 7 };
/* A 700 W board: milliwatts. */
static const double IDLE_W = 80.0, FULL_W = 700.0, MIN_W = 200.0;
static const unsigned MAX_MHZ = 1980, MIN_MHZ = 345;
static const double STEP_S = 0.005, UPDATE_S = 0.1, WINDOW_S = 0.025, RISE_S = 0.02, WARM_S = 5.0, COOLANT_DEGC = 30.0, K_W = 0.047;

typedef int nvmlReturn_t;
enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10, GPU_IS_LOST = 15, RESET_REQUIRED = 16, ARGUMENT_VERSION_MISMATCH = 25
};

struct nvmlDevice_st { unsigned index; int instance; };
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct { unsigned gpu, memory; } nvmlUtilization_t;
typedef union { double dVal; int siVal; unsigned uiVal; unsigned long ulVal; unsigned long long ullVal; signed long long sllVal; unsigned short usVal; } nvmlValue_t;
typedef struct { unsigned fieldId, scopeId; long long timestamp, latencyUsec; int valueType; nvmlReturn_t nvmlReturn; nvmlValue_t value; } nvmlFieldValue_t;
enum { TYPE_UNSIGNED_INT = 1, TYPE_UNSIGNED_LONG_LONG = 3, TYPE_SIGNED_INT = 5 };
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } nvmlMemory_v2_t;
typedef struct { unsigned long long referenceTime, violationTime; } nvmlViolationTime_t;
typedef struct { unsigned version; int marginTemperature; } nvmlMarginTemperature_v1_t;
typedef struct { unsigned pid; unsigned long long usedGpuMemory; unsigned gpuInstanceId, computeInstanceId; } nvmlProcessInfo_t;
typedef struct { char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId; char busId[32]; } nvmlPciInfo_t;
typedef struct { nvmlDevice_t device; unsigned long long eventType, eventData; unsigned gpuInstanceId, computeInstanceId; } nvmlEventData_t;
struct nvmlEventSet_st { unsigned long long mask[DEVICES + 1]; long xid[DEVICES + 1]; };
typedef struct nvmlEventSet_st *nvmlEventSet_t;

static struct nvmlDevice_st devices[(DEVICES + 1) * (MAX_MIG + 1)];
static int initialised;
static long calls;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The file of a value; false if there is none. */
static int text_of(unsigned gpu, const char *name, char *out, size_t length)
{
    const char *state = STATE;
    char path[512];
    if (state == NULL)
        return 0;
    snprintf(path, sizeof path, "%s/gpu%u.%s", state, gpu, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t n = fread(out, 1, length - 1, file);
    out[n] = 0;
    fclose(file);
    return n > 0;
}

static double value_of(unsigned gpu, const char *name, double otherwise)
{
    char text[64];
    char *end;
    if (!text_of(gpu, name, text, sizeof text))
        return otherwise;
    double value = strtod(text, &end);
    return end == text ? otherwise : value;
}

static void keep(unsigned gpu, const char *name, const char *text)
{
    const char *state = STATE;
    char path[512], fresh[560];
    if (state == NULL)
        return;
    snprintf(path, sizeof path, "%s/gpu%u.%s", state, gpu, name);
    snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid());
    FILE *file = fopen(fresh, "w");
    if (file == NULL)
        return;
    fputs(text, file);
    fclose(file);
    rename(fresh, path);
}

static void note(unsigned gpu, const char *text)
{
    const char *state = STATE;
    char path[512];
    if (state == NULL)
        return;
    snprintf(path, sizeof path, "%s/log", state);
    FILE *file = fopen(path, "a");
    if (file == NULL)
        return;
    fprintf(file, "gpu%u %s\n", gpu, text);
    fclose(file);
}

static int fault(unsigned gpu, const char *word)
{
    char text[64];
    return text_of(gpu, "fault", text, sizeof text) && strncmp(text, word, strlen(word)) == 0;
}

/* A word of the file `unsupported`. */
static int lacks(unsigned gpu, const char *word)
{
    char text[256];
    if (!text_of(gpu, "unsupported", text, sizeof text))
        return 0;
    for (char *rest, *one = strtok_r(text, " ,\n", &rest); one != NULL; one = strtok_r(NULL, " ,\n", &rest))
        if (strcmp(one, word) == 0)
            return 1;
    return 0;
}

/* The driver's own samples: the mean of each period, the newest so many of them. */
enum { KEPT = 120 };

/* What a board is and what its sensors last said. */
static struct Board {
    double now_s, power_w, die_degc, true_j, window_j, window_s;
    double second[200]; /* the last second in steps */
    unsigned at;
    double instant_w, average_w, counter_j, next_update_s, capped_s, hot_s, idle_s, reset;
    double kept_w[KEPT], kept_at_s[KEPT], kept_j, kept_s;
    unsigned long kept;
} boards[DEVICES + 1];

static double load_of(unsigned gpu)
{
    double load = value_of(gpu, "load", 0.0);
    return load < 0 ? 0 : load > 1 ? 1 : load;
}

static double limit_w(unsigned gpu) { return value_of(gpu, "limit_mw", FULL_W * 1e3) / 1e3; }

static unsigned locked_mhz(unsigned gpu)
{
    char text[64];
    unsigned low, high;
    return text_of(gpu, "locked", text, sizeof text) && sscanf(text, "%u %u", &low, &high) == 2 ? high : MAX_MHZ;
}

static double demand_w(unsigned gpu)
{
    double clock = (double)locked_mhz(gpu) / MAX_MHZ;
    return IDLE_W + load_of(gpu) * (FULL_W - IDLE_W) * clock * clock;
}

static double slowdown_degc(void) { return 87.0; }

/* First-order power and die temperature, and the sensor's own cycle. */
static void advance(unsigned gpu)
{
    struct Board *b = &boards[gpu];
    double now = seconds();
    if (b->now_s == 0.0) {
        *b = (struct Board){.now_s = now, .power_w = IDLE_W, .die_degc = COOLANT_DEGC + K_W * IDLE_W, .instant_w = IDLE_W, .average_w = IDLE_W,
                            .counter_j = 9000.0, .true_j = 9000.0, .next_update_s = now + UPDATE_S, .reset = value_of(gpu, "counter_reset", 0)};
        for (unsigned i = 0; i < 200; i++)
            b->second[i] = IDLE_W;
    }
    double sample_s = value_of(gpu, "sample_ms", 20) / 1e3, load = load_of(gpu);
    double wanted = demand_w(gpu), limit = limit_w(gpu), target = wanted < limit ? wanted : limit;
    double reset = value_of(gpu, "counter_reset", b->reset);
    if (reset != b->reset) {
        b->reset = reset;
        b->true_j = b->counter_j = 0.0;
    }
    if (now - b->now_s > 60.0)
        b->now_s = b->next_update_s = now - 60.0;
    while (b->now_s + STEP_S <= now) {
        b->now_s += STEP_S;
        b->power_w += (target - b->power_w) * (1.0 - exp(-STEP_S / RISE_S));
        b->die_degc += (COOLANT_DEGC + K_W * b->power_w - b->die_degc) * (STEP_S / WARM_S);
        b->true_j += b->power_w * STEP_S;
        b->second[b->at++ % 200] = b->power_w;
        b->kept_j += b->power_w * STEP_S;
        b->kept_s += STEP_S;
        if (b->kept_s >= sample_s - STEP_S / 2) {
            b->kept_w[b->kept % KEPT] = b->kept_j / b->kept_s;
            b->kept_at_s[b->kept % KEPT] = b->now_s;
            b->kept++;
            b->kept_j = b->kept_s = 0.0;
        }
        if (load == 0)
            b->idle_s += STEP_S;
        if (wanted > limit)
            b->capped_s += STEP_S;
        if (b->die_degc >= slowdown_degc())
            b->hot_s += STEP_S;
        if (b->now_s > b->next_update_s - WINDOW_S) {
            b->window_j += b->power_w * STEP_S;
            b->window_s += STEP_S;
        }
        if (b->now_s >= b->next_update_s) {
            b->next_update_s += UPDATE_S;
            b->instant_w = b->window_s > 0 ? b->window_j / b->window_s : b->power_w;
            b->window_j = b->window_s = 0.0;
            double sum = 0;
            for (unsigned i = 0; i < 200; i++)
                sum += b->second[i];
            b->average_w = sum / 200.0;
            b->counter_j = b->true_j;
        }
    }
}

static nvmlReturn_t check(nvmlDevice_t device, const void *out)
{
    if (!initialised)
        return UNINITIALIZED;
    if (device < devices || device >= devices + sizeof devices / sizeof *devices || out == NULL)
        return INVALID_ARGUMENT;
    if (LOST_AFTER >= 0 && ++calls > LOST_AFTER)
        return LOST_CODE;
    /* A driver that nobody kept loaded wakes the board up first. */
    static char awake[DEVICES + 1];
    if (!awake[device->index]) {
        awake[device->index] = 1;
        if (value_of(device->index, "persistence", 1) == 0)
            usleep(200000);
    }
    while (fault(device->index, "hang"))
        usleep(10000);
    if (fault(device->index, "lost"))
        return GPU_IS_LOST;
    if (fault(device->index, "reset"))
        return RESET_REQUIRED;
    return SUCCESS;
}

static nvmlReturn_t check_optional(nvmlDevice_t device, const void *out)
{
    nvmlReturn_t code = check(device, out);
#ifdef REFUSE
    if (code == SUCCESS)
        return REFUSE;
#endif
    return code;
}

/* What belongs to a board is not to be had of a MIG instance. */
static nvmlReturn_t check_board(nvmlDevice_t device, const void *out)
{
    nvmlReturn_t code = check_optional(device, out);
    return code == SUCCESS && device->instance > 0 ? NOT_SUPPORTED : code;
}

static nvmlReturn_t put(char *out, unsigned length, const char *text)
{
    if (length < strlen(text) + 1)
        return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

static const char *uuid_of(nvmlDevice_t device, char text[96])
{
    if (device->instance > 0)
        snprintf(text, 96, "MIG-5700b000-0000-4000-8000-%011u%u", device->index, (unsigned)device->instance);
    else if (!text_of(device->index, "uuid", text, 96))
        snprintf(text, 96, "GPU-5700b000-0000-4000-8000-%012u", device->index);
    return text;
}

enum Power { USAGE, AVERAGE, INSTANT };

static unsigned power_mw(unsigned gpu, enum Power which)
{
    if (fault(gpu, "zero"))
        return 0;
#ifdef POWER_MW
    return (gpu == 0 ? POWER_MW : 80000) + (which == INSTANT ? 2000 : which == AVERAGE ? 1000 : 0);
#endif
    pthread_mutex_lock(&lock);
    advance(gpu);
    double w = which == INSTANT ? boards[gpu].instant_w : boards[gpu].average_w;
    pthread_mutex_unlock(&lock);
    return (unsigned)(w * 1e3);
}

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* How long ago the power reading was updated. */
static long long since_update_us(unsigned gpu)
{
#ifdef POWER_MW
    (void)gpu;
    return 0;
#else
    pthread_mutex_lock(&lock);
    double since = seconds() - (boards[gpu].next_update_s - UPDATE_S);
    pthread_mutex_unlock(&lock);
    return since > 0 ? (long long)(since * 1e6) : 0;
#endif
}

static int die_degc(unsigned gpu)
{
#ifdef POWER_MW
    return (int)value_of(gpu, "die", 63);
#endif
    pthread_mutex_lock(&lock);
    advance(gpu);
    double die = boards[gpu].die_degc;
    pthread_mutex_unlock(&lock);
    return (int)value_of(gpu, "die", die);
}

#define GET(name, type, checked, expression)                                                                                                \
    nvmlReturn_t name(nvmlDevice_t device, type *out)                                                                                       \
    {                                                                                                                                       \
        nvmlReturn_t code = checked(device, out);                                                                                           \
        if (code == SUCCESS)                                                                                                                \
            *out = (expression);                                                                                                            \
        return code;                                                                                                                        \
    }
#define TEXT(name, checked, expression)                                                                                                     \
    nvmlReturn_t name(nvmlDevice_t device, char *out, unsigned length)                                                                      \
    {                                                                                                                                       \
        nvmlReturn_t code = checked(device, out);                                                                                           \
        return code == SUCCESS ? put(out, length, expression) : code;                                                                       \
    }

nvmlReturn_t nvmlInit_v2(void)
{
    for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
        devices[i] = (struct nvmlDevice_st){.index = i / (MAX_MIG + 1), .instance = (int)(i % (MAX_MIG + 1))};
    initialised = INIT == 0;
    return INIT;
}

nvmlReturn_t nvmlShutdown(void)
{
    initialised = 0;
    return SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t code) { return code == SUCCESS ? "Success" : "an error of the stub"; }

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length) { return initialised ? put(version, length, "570.00.stub") : UNINITIALIZED; }

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length) { return initialised ? put(version, length, "12.570.00.stub") : UNINITIALIZED; }

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    *version = 12080;
    return SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }

typedef struct { unsigned environment, ccFeature, devToolsMode; } nvmlConfComputeSystemState_t;

nvmlReturn_t nvmlSystemGetConfComputeState(nvmlConfComputeSystemState_t *state)
{
    if (!initialised)
        return UNINITIALIZED;
    if (state == NULL)
        return INVALID_ARGUMENT;
    *state = (nvmlConfComputeSystemState_t){.ccFeature = value_of(0, "cc", 0) != 0};
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    if (!initialised)
        return UNINITIALIZED;
    *count = DEVICES;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    if (!initialised)
        return UNINITIALIZED;
    if (index >= DEVICES || device == NULL)
        return INVALID_ARGUMENT;
    *device = &devices[index * (MAX_MIG + 1)];
    return SUCCESS;
}

static unsigned instances(unsigned gpu)
{
    double n = value_of(gpu, "mig", 0);
    return n < 0 ? 0 : n > MAX_MIG ? MAX_MIG : (unsigned)n;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    char text[96];
    if (!initialised)
        return UNINITIALIZED;
    for (unsigned i = 0; i < DEVICES * (MAX_MIG + 1); i++)
        if (strcmp(uuid, uuid_of(&devices[i], text)) == 0 && devices[i].instance <= (int)instances(devices[i].index)) {
            *device = &devices[i];
            return SUCCESS;
        }
    return NOT_FOUND;
}

TEXT(nvmlDeviceGetName, check, device->instance > 0 ? "Stub GPU MIG 1g.10gb (no hardware)" : "Stub GPU (no hardware)")
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned length)
{
    char text[96];
    nvmlReturn_t code = check(device, out);
    return code == SUCCESS ? put(out, length, uuid_of(device, text)) : code;
}
TEXT(nvmlDeviceGetSerial, check_board, "1650000000042")
TEXT(nvmlDeviceGetVbiosVersion, check_board, "96.00.00.00.01")
TEXT(nvmlDeviceGetInforomImageVersion, check_board, "G520.0200.00.05")
GET(nvmlDeviceGetIndex, unsigned, check_board, device->index)
GET(nvmlDeviceGetNumGpuCores, unsigned, check_board, 16896)
GET(nvmlDeviceGetPersistenceMode, int, check_board, value_of(device->index, "persistence", 1) != 0)
GET(nvmlDeviceGetPerformanceState, int, check_board, load_of(device->index) > 0 ? 0 : 8)

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    nvmlReturn_t code = check_board(device, pci);
    if (code != SUCCESS)
        return code;
    memset(pci, 0, sizeof *pci);
    pci->bus = 0x10 + device->index;
    pci->pciDeviceId = 0x233510de;
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "0000:%02X:00.0", pci->bus);
    snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
    return SUCCESS;
}

/* Power: limits, the reading, the counter. */

#ifdef POWER_MW
#define ENFORCED 600000
#else
#define ENFORCED (unsigned)(limit_w(device->index) * 1e3)
#endif
#ifndef NO_ENFORCED
GET(nvmlDeviceGetEnforcedPowerLimit, unsigned, check_board, ENFORCED)
#endif
GET(nvmlDeviceGetPowerManagementLimit, unsigned, check_board, (unsigned)(limit_w(device->index) * 1e3))
GET(nvmlDeviceGetPowerManagementDefaultLimit, unsigned, check_board, (unsigned)(FULL_W * 1e3))
GET(nvmlDeviceGetPowerUsage, unsigned, check_board, power_mw(device->index, USAGE))

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned *low, unsigned *high)
{
    nvmlReturn_t code = check_board(device, low);
    if (code == SUCCESS) {
        *low = (unsigned)(MIN_W * 1e3);
        *high = (unsigned)(FULL_W * 1e3);
    }
    return code;
}

/* Root only, says the reference. */
static nvmlReturn_t may_set(nvmlDevice_t device)
{
    nvmlReturn_t code = check_board(device, device);
    return code == SUCCESS && fault(device->index, "no_permission") ? NO_PERMISSION : code;
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned limit)
{
    char text[64];
    nvmlReturn_t code = may_set(device);
    if (code != SUCCESS)
        return code;
    if (limit < MIN_W * 1e3 || limit > FULL_W * 1e3)
        return INVALID_ARGUMENT;
    snprintf(text, sizeof text, "limit %u", limit);
    note(device->index, text);
    snprintf(text, sizeof text, "%u", limit);
    if (!fault(device->index, "deaf"))
        keep(device->index, "limit_mw", text);
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, unsigned low, unsigned high)
{
    char text[64];
    nvmlReturn_t code = may_set(device);
    if (code != SUCCESS)
        return code;
    if (low > high || high > MAX_MHZ || low < MIN_MHZ)
        return INVALID_ARGUMENT;
    snprintf(text, sizeof text, "lock %u %u", low, high);
    note(device->index, text);
    if (!fault(device->index, "deaf"))
        keep(device->index, "locked", text + 5);
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device)
{
    nvmlReturn_t code = may_set(device);
    if (code == SUCCESS) {
        note(device->index, "unlock");
        keep(device->index, "locked", " ");
    }
    return code;
}

static unsigned long long energy_mj(unsigned gpu)
{
    pthread_mutex_lock(&lock);
    advance(gpu);
    unsigned long long mj = (unsigned long long)(boards[gpu].counter_j * 1e3);
    pthread_mutex_unlock(&lock);
    return fault(gpu, "zero") ? 0 : mj;
}

#ifndef NO_ENERGY
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoules)
{
    nvmlReturn_t code = check_board(device, millijoules);
    if (code != SUCCESS)
        return code;
    if (lacks(device->index, "energy") || lacks(device->index, "energy_call"))
        return NOT_SUPPORTED;
    if (fault(device->index, "zero")) {
        *millijoules = 0;
        return SUCCESS;
    }
#ifdef ENERGY_SEQUENCE
    static const unsigned long long sequence[] = {ENERGY_SEQUENCE};
    static unsigned at;
    unsigned last = sizeof sequence / sizeof *sequence - 1;
    *millijoules = sequence[at < last ? at++ : last];
#else
    *millijoules = energy_mj(device->index);
#endif
    return SUCCESS;
}
#endif

/* The samples that the driver keeps. Without room it is told how many there are; with it, as many of them as fit, the oldest first. */
#ifndef NO_SAMPLES
typedef struct { unsigned long long timeStamp; nvmlValue_t sampleValue; } nvmlSample_t;

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, int type, unsigned long long last_seen, int *value_type, unsigned *count, nvmlSample_t *samples)
{
    nvmlReturn_t code = check_board(device, count);
    if (code != SUCCESS)
        return code;
    if (value_type == NULL || (samples != NULL && *count == 0))
        return INVALID_ARGUMENT;
    /* Of total power only; of the other kinds no sample is ever there. */
    if (type < 0 || type > 7)
        return INVALID_ARGUMENT;
    if (lacks(device->index, "samples") || type != 0)
        return NOT_SUPPORTED;
    *value_type = TYPE_UNSIGNED_INT;
    pthread_mutex_lock(&lock);
    advance(device->index);
    struct Board *b = &boards[device->index];
    /* Between the two clocks; once, so that a sample keeps its stamp. */
    static double since_1970_s;
    if (since_1970_s == 0.0)
        since_1970_s = (double)now_us() / 1e6 - seconds();
    unsigned there = 0;
    for (unsigned long k = b->kept > KEPT ? b->kept - KEPT : 0; k < b->kept; k++) {
        /* "CPU timestamp in microseconds": since 1970, as of the field values. */
        unsigned long long at = (unsigned long long)((since_1970_s + b->kept_at_s[k % KEPT]) * 1e6);
        if (at <= last_seen)
            continue;
        if (samples != NULL) {
            if (there == *count)
                break;
            samples[there].timeStamp = at;
            memset(&samples[there].sampleValue, 0, sizeof samples[there].sampleValue);
            samples[there].sampleValue.uiVal = fault(device->index, "zero") ? 0 : (unsigned)(b->kept_w[k % KEPT] * 1e3);
        }
        there++;
    }
    pthread_mutex_unlock(&lock);
    *count = there;
    return there == 0 ? NOT_FOUND : SUCCESS;
}
#endif

/* Temperatures. */

typedef struct { unsigned version; int sensorType, temperature; } nvmlTemperature_v1_t;

#ifndef OLD_NAMES
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_v1_t *asked)
{
    nvmlReturn_t code = check(device, asked);
    if (code != SUCCESS)
        return code;
    if (asked->version != (sizeof *asked | 1u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    if (asked->sensorType != 0)
        return INVALID_ARGUMENT;
    if (device->instance > 0 || lacks(device->index, "die"))
        return NOT_SUPPORTED;
    asked->temperature = die_degc(device->index);
    return SUCCESS;
}
#endif

#ifndef NEW_NAMES
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *degc)
{
    nvmlReturn_t code = check(device, degc);
    if (code == SUCCESS && sensor != 0)
        return INVALID_ARGUMENT;
    if (code == SUCCESS && (device->instance > 0 || lacks(device->index, "die")))
        return NOT_SUPPORTED;
    if (code == SUCCESS)
        *degc = (unsigned)die_degc(device->index);
    return code;
}
#endif

/* Shutdown, slowdown, memory, GPU: newer boards give them as T.Limit only. */
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, int which, unsigned *degc)
{
    static const unsigned absolute[] = {92, 87, 95, 83};
    nvmlReturn_t code = check_board(device, degc);
    if (code != SUCCESS)
        return code;
    if (which < 0 || which > 3)
        return NOT_SUPPORTED;
    if (value_of(device->index, "tlimit", 0) != 0)
        return NOT_SUPPORTED;
    *degc = absolute[which];
    return SUCCESS;
}

/* "Distance to nearest slowdown threshold": from the slowdown itself, or from the maximum operating temperature before it. Boards may do either. */
nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t device, nvmlMarginTemperature_v1_t *margin)
{
    nvmlReturn_t code = check_board(device, margin);
    if (code != SUCCESS)
        return code;
    if (margin->version != (sizeof *margin | 1u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    if (value_of(device->index, "tlimit", 0) == 0 || lacks(device->index, "margin"))
        return NOT_SUPPORTED;
    margin->marginTemperature = (value_of(device->index, "tlimit", 0) == 2 ? (int)slowdown_degc() : 83) - die_degc(device->index);
    return SUCCESS;
}

/* Clocks and what holds them. */

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned *mhz)
{
    nvmlReturn_t code = check_board(device, mhz);
    if (code != SUCCESS)
        return code;
    /* Graphics, multiprocessors, memory, video. */
    if (clock < 0 || clock > 3)
        return INVALID_ARGUMENT;
    if (lacks(device->index, "clocks") || (clock == 3 && lacks(device->index, "video")))
        return NOT_SUPPORTED;
#ifdef POWER_MW
    unsigned core = 1755;
#else
    unsigned core = load_of(device->index) > 0 ? locked_mhz(device->index) : MIN_MHZ;
#endif
    *mhz = clock == 2 ? 2619 : clock == 3 ? core * 3 / 4 : core;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int clock, unsigned *mhz)
{
    nvmlReturn_t code = check_board(device, mhz);
    if (code == SUCCESS)
        *mhz = clock == 2 ? 2619 : MAX_MHZ;
    return code;
}

__attribute__((unused)) static nvmlReturn_t event_reasons(nvmlDevice_t device, unsigned long long *reasons)
{
    nvmlReturn_t code = check_board(device, reasons);
    if (code != SUCCESS)
        return code;
#ifdef THROTTLE
    *reasons = THROTTLE;
    return SUCCESS;
#endif
    char text[64];
    unsigned gpu = device->index;
#ifdef POWER_MW
    unsigned long long bits = 4;
#else
    unsigned long long bits = load_of(gpu) == 0 ? 1 : demand_w(gpu) > limit_w(gpu) ? 4 : 0;
#endif
    if (die_degc(gpu) >= slowdown_degc())
        bits = 0x20;
    *reasons = text_of(gpu, "throttle", text, sizeof text) ? strtoull(text, NULL, 0) : bits;
    return SUCCESS;
}

/* R535 renamed it and kept the old name. */
#if !defined NEW_NAMES && !defined NO_THROTTLE
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) { return event_reasons(device, reasons); }
#endif
#if !defined OLD_NAMES && !defined NO_THROTTLE
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) { return event_reasons(device, reasons); }
#endif

/* Seconds for which a reason held the clocks: power, thermal, sync boost, board limit, low utilisation, reliability; 10 any of them, 11 below the base clocks. */
static double violation_s(unsigned gpu, int policy)
{
    char name[32];
    snprintf(name, sizeof name, "violation%d", policy);
    pthread_mutex_lock(&lock);
    advance(gpu);
    struct Board *b = &boards[gpu];
    double any = b->capped_s + b->hot_s + b->idle_s;
    double s = policy == 0 ? b->capped_s : policy == 1 ? b->hot_s : policy == 4 ? b->idle_s : policy == 10 ? any : policy == 11 ? b->hot_s : 0.0;
    pthread_mutex_unlock(&lock);
    return s + value_of(gpu, name, 0.0);
}

nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t device, int policy, nvmlViolationTime_t *time)
{
    nvmlReturn_t code = check_board(device, time);
    if (code != SUCCESS)
        return code;
    /* The numbers between have no name. */
    if (policy < 0 || policy > 11 || (policy > 5 && policy < 10))
        return INVALID_ARGUMENT;
    if (lacks(device->index, "violation_status"))
        return NOT_SUPPORTED;
    time->referenceTime = (unsigned long long)now_us();
    time->violationTime = (unsigned long long)(violation_s(device->index, policy) * 1e9);
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    nvmlReturn_t code = check_board(device, rates);
    if (code != SUCCESS)
        return code;
    /* "On MIG-enabled GPUs, querying device utilization rates is not currently supported." */
    if (instances(device->index) > 0)
        return NOT_SUPPORTED;
#ifdef POWER_MW
    *rates = (nvmlUtilization_t){.gpu = 97, .memory = 41};
#else
    *rates = (nvmlUtilization_t){.gpu = (unsigned)(load_of(device->index) * 100), .memory = (unsigned)(load_of(device->index) * 42)};
#endif
    return SUCCESS;
}

#ifndef NO_FIELDS
/* Each value has its own return code; the call succeeds even if no value does. */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    nvmlReturn_t code = check(device, values);
    if (code != SUCCESS)
        return code;
    if (count < 1)
        return INVALID_ARGUMENT;
    unsigned gpu = device->index;
    for (int i = 0; i < count; i++) {
        nvmlFieldValue_t *v = &values[i];
        /* "CPU Timestamp of this value in microseconds since 1970": of the look, and for power below of the update. */
        v->timestamp = now_us();
        v->latencyUsec = 1;
        v->valueType = TYPE_UNSIGNED_INT;
        v->nvmlReturn = SUCCESS;
        memset(&v->value, 0, sizeof v->value);
#ifdef REFUSE
        v->nvmlReturn = REFUSE;
        continue;
#endif
        if (device->instance > 0) {
            v->nvmlReturn = NOT_SUPPORTED;
            continue;
        }
        int tlimit = value_of(gpu, "tlimit", 0) != 0;
        switch (v->fieldId) {
        case 74: /* NVML_FI_DEV_PERF_POLICY_*: the same as of nvmlDeviceGetViolationStatus, nanoseconds */
        case 75:
        case 76:
        case 77:
        case 78:
        case 79:
        case 80:
        case 81:
            if (lacks(gpu, "violation_fields")) {
                v->nvmlReturn = NOT_SUPPORTED;
                break;
            }
            v->valueType = TYPE_UNSIGNED_LONG_LONG;
            v->value.ullVal = (unsigned long long)(violation_s(gpu, v->fieldId < 80 ? (int)v->fieldId - 74 : (int)v->fieldId - 70) * 1e9);
            break;
        case 82: /* NVML_FI_DEV_MEMORY_TEMP, degrees Celsius */
            v->value.uiVal = (unsigned)value_of(gpu, "memory_die", MEMORY_DEGC);
            break;
        case 83: /* NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, millijoules */
#if defined NO_ENERGY || defined ENERGY_SEQUENCE
            v->nvmlReturn = NOT_SUPPORTED;
#else
            if (lacks(gpu, "energy")) {
                v->nvmlReturn = NOT_SUPPORTED;
                break;
            }
            v->valueType = TYPE_UNSIGNED_LONG_LONG;
            v->value.ullVal = energy_mj(gpu);
#endif
            break;
        case 142: /* NVML_FI_DEV_REMAPPED_COR, _UNC, _PENDING, _FAILURE */
            v->value.uiVal = 0;
            break;
        case 143:
            v->value.uiVal = (unsigned)value_of(gpu, "remapped", 0);
            break;
        case 144:
            v->value.uiVal = (unsigned)value_of(gpu, "remap_pending", 0);
            break;
        case 145:
            v->value.uiVal = (unsigned)value_of(gpu, "remap_failed", 0);
            break;
        case 185: /* NVML_FI_DEV_POWER_AVERAGE, milliwatts */
            v->value.uiVal = power_mw(gpu, AVERAGE);
            v->timestamp -= since_update_us(gpu);
            break;
        case 186: /* NVML_FI_DEV_POWER_INSTANT, milliwatts */
            v->value.uiVal = power_mw(gpu, INSTANT);
            v->timestamp -= since_update_us(gpu);
            break;
        case 193: /* NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT, _SLOWDOWN, _MEM_MAX, _GPU_MAX: degrees Celsius against T.Limit, signed */
        case 194:
        case 195:
        case 196:
            if (!tlimit) {
                v->nvmlReturn = NOT_SUPPORTED;
                break;
            }
            v->valueType = TYPE_SIGNED_INT;
            v->value.siVal = v->fieldId == 193 ? -8 : v->fieldId == 194 ? (int)value_of(gpu, "tlimit_slowdown", -4) : 0;
            break;
        default:
            v->nvmlReturn = NOT_SUPPORTED;
        }
    }
    return SUCCESS;
}
#endif

/* Memory, bus, fans, errors. */

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    nvmlReturn_t code = check_optional(device, memory);
    if (code != SUCCESS)
        return code;
    if (memory->version != (sizeof *memory | 2u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    unsigned long long gib = 1ULL << 30;
    memory->total = device->instance > 0 ? 10 * gib : 80 * gib;
    memory->reserved = gib / 2;
    memory->used = 4 * gib;
    memory->free = memory->total - memory->used - memory->reserved;
    return SUCCESS;
}

GET(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, check_board, 5)
GET(nvmlDeviceGetCurrPcieLinkWidth, unsigned, check_board, 16)
GET(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, check_board, 5)
GET(nvmlDeviceGetMaxPcieLinkWidth, unsigned, check_board, 16)
GET(nvmlDeviceGetPcieReplayCounter, unsigned, check_board, (unsigned)value_of(device->index, "replays", 0))
/* A board that is cooled by somebody else's fans has none. */
GET(nvmlDeviceGetNumFans, unsigned, check_board, (unsigned)value_of(device->index, "fans", 0))

nvmlReturn_t nvmlDeviceGetFanSpeed_v2(nvmlDevice_t device, unsigned fan, unsigned *percent)
{
    nvmlReturn_t code = check_board(device, percent);
    if (code != SUCCESS)
        return code;
    if (fan >= (unsigned)value_of(device->index, "fans", 0))
        return INVALID_ARGUMENT;
    *percent = 40 + fan;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, int counter, unsigned *kb_s)
{
    nvmlReturn_t code = check_board(device, kb_s);
    if (code != SUCCESS)
        return code;
    if (lacks(device->index, "pcie"))
        return NOT_SUPPORTED;
    /* "This method is querying a byte counter over a 20ms interval". */
    usleep(20000);
    *kb_s = counter == 0 ? 12000 : 34000;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, int *current, int *pending)
{
    nvmlReturn_t code = check_board(device, current);
    if (code == SUCCESS)
        *current = *pending = 1;
    return code;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, int type, int counter, unsigned long long *count)
{
    nvmlReturn_t code = check_board(device, count);
    if (code != SUCCESS)
        return code;
    if (type < 0 || type > 1 || counter < 0 || counter > 1)
        return INVALID_ARGUMENT;
    /* Aggregate counts are the board's whole life, what came since the driver was loaded among it. */
    double volatile_count = value_of(device->index, type == 0 ? "ecc_corrected" : "ecc_uncorrected", 0);
    double before = value_of(device->index, type == 0 ? "ecc_corrected_before" : "ecc_uncorrected_before", 0);
    *count = (unsigned long long)(counter == 0 ? volatile_count : before + volatile_count);
    return SUCCESS;
}

/* Boards that remap rows retire no pages. */
nvmlReturn_t nvmlDeviceGetRetiredPages_v2(nvmlDevice_t device, int cause, unsigned *count, unsigned long long *addresses, unsigned long long *times)
{
    nvmlReturn_t code = check_board(device, count);
    if (code != SUCCESS)
        return code;
    double retired = value_of(device->index, "retired", -1);
    if (retired < 0)
        return NOT_SUPPORTED;
    unsigned there = cause == 1 ? (unsigned)retired : 0, room = *count;
    *count = there;
    if (room < there || addresses == NULL)
        return there == 0 ? SUCCESS : INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < there; i++) {
        addresses[i] = 0x1000ULL * i;
        times[i] = 0;
    }
    return SUCCESS;
}

/* The older call, without times: asked with no room it says how many there are. */
nvmlReturn_t nvmlDeviceGetRetiredPages(nvmlDevice_t device, int cause, unsigned *count, unsigned long long *addresses)
{
    unsigned long long times[1024];
    nvmlReturn_t code = check_board(device, count);
    if (code == SUCCESS && *count > 1024)
        *count = 1024;
    return code == SUCCESS ? nvmlDeviceGetRetiredPages_v2(device, cause, count, addresses, times) : code;
}

nvmlReturn_t nvmlDeviceGetRetiredPagesPendingStatus(nvmlDevice_t device, int *pending)
{
    nvmlReturn_t code = check_board(device, pending);
    if (code != SUCCESS)
        return code;
    if (value_of(device->index, "retired", -1) < 0)
        return NOT_SUPPORTED;
    *pending = 0;
    return SUCCESS;
}

/* Who else is on it. */

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
    char text[1024];
    nvmlReturn_t code = check_optional(device, count);
    if (code != SUCCESS)
        return code;
    /* "In MIG mode, if device handle is provided, the API returns aggregate information, only if the caller has appropriate privileges." */
    if (device->instance == 0 && instances(device->index) > 0 && lacks(device->index, "root"))
        return NO_PERMISSION;
    if (lacks(device->index, "processes"))
        return NOT_SUPPORTED;
    unsigned there = 0, room = *count;
    if (text_of(device->index, "processes", text, sizeof text)) {
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            nvmlProcessInfo_t info = {.gpuInstanceId = 0xffffffff, .computeInstanceId = 0xffffffff};
            if (sscanf(line, "%u %llu", &info.pid, &info.usedGpuMemory) < 1)
                continue;
            if (there < room && infos != NULL)
                infos[there] = info;
            there++;
        }
    }
    *count = there;
    return there > room ? INSUFFICIENT_SIZE : SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
    (void)infos;
    nvmlReturn_t code = check_optional(device, count);
    if (code == SUCCESS && device->instance == 0 && instances(device->index) > 0 && lacks(device->index, "root"))
        return NO_PERMISSION;
    if (code == SUCCESS)
        *count = 0;
    return code;
}

/* Multi-instance GPUs. */

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    nvmlReturn_t code = check_board(device, current);
    if (code == SUCCESS)
        *current = *pending = instances(device->index) > 0;
    return code;
}

GET(nvmlDeviceGetMaxMigDeviceCount, unsigned, check_board, MAX_MIG)
GET(nvmlDeviceIsMigDeviceHandle, unsigned, check, device->instance > 0)

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig)
{
    nvmlReturn_t code = check_board(device, mig);
    if (code != SUCCESS)
        return code;
    if (index >= instances(device->index))
        return NOT_FOUND;
    *mig = device + 1 + index;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *device)
{
    nvmlReturn_t code = check(mig, device);
    if (code != SUCCESS)
        return code;
    if (mig->instance == 0)
        return INVALID_ARGUMENT;
    *device = mig - mig->instance;
    return SUCCESS;
}

/* Events. */

enum { EVENT_XID = 8, EVENTS = 0x1 | 0x2 | 0x8 };

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
    if (!initialised)
        return UNINITIALIZED;
    *set = calloc(1, sizeof **set);
    return SUCCESS;
}

GET(nvmlDeviceGetSupportedEventTypes, unsigned long long, check_board, EVENTS)

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set)
{
    nvmlReturn_t code = check_board(device, set);
    if (code != SUCCESS)
        return code;
    if (types & ~(unsigned long long)EVENTS)
        return NOT_SUPPORTED;
    set->mask[device->index] = types;
    set->xid[device->index] = (long)value_of(device->index, "xid", 0);
    return SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms)
{
    if (!initialised)
        return UNINITIALIZED;
    if (set == NULL || data == NULL)
        return INVALID_ARGUMENT;
    double until = seconds() + timeout_ms / 1e3;
    for (;;) {
        for (unsigned i = 0; i < DEVICES; i++) {
            long xid = (long)value_of(i, "xid", 0);
            if ((set->mask[i] & EVENT_XID) && xid != 0 && xid != set->xid[i]) {
                set->xid[i] = xid;
                *data = (nvmlEventData_t){.device = &devices[i * (MAX_MIG + 1)], .eventType = EVENT_XID, .eventData = (unsigned long long)xid,
                                          .gpuInstanceId = 0xffffffff, .computeInstanceId = 0xffffffff};
                return SUCCESS;
            }
        }
        if (seconds() >= until)
            return TIMEOUT;
        usleep(5000);
    }
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    free(set);
    return SUCCESS;
}
