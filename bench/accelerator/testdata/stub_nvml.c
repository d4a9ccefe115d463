/* A stand-in for libnvidia-ml.so.1: the getters that orbitbench calls, after NVIDIA's NVML API reference (signatures, units, return codes).
 * It follows that reference, not our driver; whatever it answers, a real library could answer. Built by the tests with
 *   cc -shared -fPIC -o libnvidia-ml.so.1 stub_nvml.c [-D...]
 * and good for trying the whole bench without a GPU: ORBITBENCH_NVML=./libnvidia-ml.so.1
 *
 * -DDEVICES=n            GPUs present (2)
 * -DINIT=code            what nvmlInit_v2 returns
 * -DLOST_AFTER=n         every device call after the n-th returns LOST_CODE (NVML_ERROR_GPU_IS_LOST)
 * -DLOST_CODE=code
 * -DREFUSE=code          everything optional returns this
 * -DPOWER_MW=n           power of GPU 0; the energy counter integrates it
 * -DENERGY_SEQUENCE=...  energy counter values in turn instead
 * -DTHROTTLE=bits
 * -DMEMORY_DEGC=n
 * -DNO_FIELDS -DNO_ENERGY -DNO_ENFORCED -DNO_THROTTLE   leaves the symbol out, as an old driver does
 * Not for anything that sets: there are no setters here.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

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
#ifndef POWER_MW
#define POWER_MW 312500
#endif
#ifndef THROTTLE
#define THROTTLE 0x4ULL
#endif
#ifndef MEMORY_DEGC
#define MEMORY_DEGC 71
#endif

typedef int nvmlReturn_t;
enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

struct nvmlDevice_st { unsigned int index; };
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
typedef union {
    double dVal;
    int siVal;
    unsigned int uiVal;
    unsigned long ulVal;
    unsigned long long ullVal;
    signed long long sllVal;
} nvmlValue_t;
typedef struct {
    unsigned int fieldId;
    unsigned int scopeId;
    long long timestamp;
    long long latencyUsec;
    int valueType; /* NVML_VALUE_TYPE_DOUBLE 0, UNSIGNED_INT 1, UNSIGNED_LONG 2, UNSIGNED_LONG_LONG 3 */
    nvmlReturn_t nvmlReturn;
    nvmlValue_t value;
} nvmlFieldValue_t;

static struct nvmlDevice_st devices[DEVICES + 1];
static int initialised;
static long calls;

static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static nvmlReturn_t check(nvmlDevice_t device, const void *out)
{
    if (!initialised)
        return UNINITIALIZED;
    if (device < devices || device >= devices + DEVICES || out == NULL)
        return INVALID_ARGUMENT;
    if (LOST_AFTER >= 0 && ++calls > LOST_AFTER)
        return LOST_CODE;
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

static nvmlReturn_t put(char *out, unsigned int length, const char *text)
{
    if (length < strlen(text) + 1)
        return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

static const char *uuid_of(nvmlDevice_t device)
{
    static char text[96];
    snprintf(text, sizeof text, "GPU-5700b000-0000-4000-8000-%012u", device->index);
    return text;
}

static unsigned int power_mw(nvmlDevice_t device) { return device->index == 0 ? POWER_MW : 80000; }

nvmlReturn_t nvmlInit_v2(void)
{
    for (unsigned int i = 0; i < DEVICES; i++)
        devices[i].index = i;
    initialised = INIT == 0;
    return INIT;
}

nvmlReturn_t nvmlShutdown(void)
{
    initialised = 0;
    return SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t code) { return code == SUCCESS ? "Success" : "an error of the stub"; }

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    return initialised ? put(version, length, "570.00.stub") : UNINITIALIZED;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
    if (!initialised)
        return UNINITIALIZED;
    *count = DEVICES;
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    if (!initialised)
        return UNINITIALIZED;
    if (index >= DEVICES || device == NULL)
        return INVALID_ARGUMENT;
    *device = &devices[index];
    return SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    if (!initialised)
        return UNINITIALIZED;
    for (unsigned int i = 0; i < DEVICES; i++)
        if (strcmp(uuid, uuid_of(&devices[i])) == 0) {
            *device = &devices[i];
            return SUCCESS;
        }
    return NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    nvmlReturn_t code = check(device, index);
    if (code == SUCCESS)
        *index = device->index;
    return code;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    nvmlReturn_t code = check(device, name);
    return code == SUCCESS ? put(name, length, "Stub GPU (no hardware)") : code;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    nvmlReturn_t code = check(device, uuid);
    return code == SUCCESS ? put(uuid, length, uuid_of(device)) : code;
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned int length)
{
    nvmlReturn_t code = check_optional(device, serial);
    return code == SUCCESS ? put(serial, length, "1650000000042") : code;
}

#ifndef NO_ENFORCED
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *limit)
{
    nvmlReturn_t code = check_optional(device, limit);
    if (code == SUCCESS)
        *limit = 600000;
    return code;
}
#endif

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit)
{
    nvmlReturn_t code = check_optional(device, limit);
    if (code == SUCCESS)
        *limit = 700000;
    return code;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *milliwatts)
{
    nvmlReturn_t code = check_optional(device, milliwatts);
    if (code == SUCCESS)
        *milliwatts = power_mw(device);
    return code;
}

#ifndef NO_ENERGY
/* Millijoules since the driver was loaded, in steps of 100 ms. */
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoules)
{
    nvmlReturn_t code = check_optional(device, millijoules);
    if (code != SUCCESS)
        return code;
#ifdef ENERGY_SEQUENCE
    static const unsigned long long sequence[] = {ENERGY_SEQUENCE};
    static unsigned int at;
    unsigned int last = sizeof sequence / sizeof *sequence - 1;
    *millijoules = sequence[at < last ? at++ : last];
#else
    static double start;
    if (start == 0.0)
        start = seconds();
    unsigned long long ticks = (unsigned long long)((seconds() - start) * 10.0);
    *millijoules = 9000000ULL + ticks * power_mw(device) / 10;
#endif
    return SUCCESS;
}
#endif

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned int *degc)
{
    nvmlReturn_t code = check(device, degc);
    if (code == SUCCESS && sensor != 0)
        return INVALID_ARGUMENT;
    if (code == SUCCESS)
        *degc = 63;
    return code;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned int *mhz)
{
    nvmlReturn_t code = check_optional(device, mhz);
    if (code == SUCCESS)
        *mhz = clock == 2 ? 2619 : 1755;
    return code;
}

#ifndef NO_THROTTLE
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    nvmlReturn_t code = check_optional(device, reasons);
    if (code == SUCCESS)
        *reasons = THROTTLE;
    return code;
}
#endif

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    nvmlReturn_t code = check_optional(device, rates);
    if (code == SUCCESS)
        *rates = (nvmlUtilization_t){.gpu = 97, .memory = 41};
    return code;
}

#ifndef NO_FIELDS
/* Each value has its own return code; the call succeeds even if no value does. */
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    nvmlReturn_t code = check(device, values);
    if (code != SUCCESS)
        return code;
    for (int i = 0; i < count; i++) {
        nvmlFieldValue_t *v = &values[i];
        v->timestamp = (long long)time(NULL) * 1000000;
        v->latencyUsec = 1;
        v->valueType = 1;
        v->nvmlReturn = SUCCESS;
#ifdef REFUSE
        v->nvmlReturn = REFUSE;
        continue;
#endif
        switch (v->fieldId) {
        case 82: /* NVML_FI_DEV_MEMORY_TEMP, degrees Celsius */
            v->value.uiVal = MEMORY_DEGC;
            break;
        case 185: /* NVML_FI_DEV_POWER_AVERAGE, milliwatts */
            v->value.uiVal = power_mw(device) + 1000;
            break;
        case 186: /* NVML_FI_DEV_POWER_INSTANT, milliwatts */
            v->value.uiVal = power_mw(device) + 2000;
            break;
        default:
            v->nvmlReturn = NOT_SUPPORTED;
        }
    }
    return SUCCESS;
}
#endif
