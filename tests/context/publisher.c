/* Publishes its spans, and itself, as OpenTelemetry's proposals 4947 and 4719 say, and opens files whose paths say which span that is
   in. With MAIN it is a program, which waits for a line if it is told anything, else a library for loader.c. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#ifdef ELASTIC
/* Elastic's older layout. */
struct __attribute__((packed)) record {
    uint16_t minor;
    uint8_t valid;
    uint8_t trace_present;
    uint8_t flags;
    uint8_t trace[16];
    uint8_t span[8];
    uint8_t transaction[8];
};
#define VARIABLE elastic_apm_profiling_correlation_tls_v1
#else
struct __attribute__((packed)) record {
    uint8_t trace[16];
    uint8_t span[8];
    uint8_t valid;
    uint8_t flags;
    uint16_t size;
    uint8_t attributes[64];
};
#define VARIABLE otel_thread_ctx_v1
#endif

__attribute__((visibility("default"))) __thread struct record *VARIABLE;
/* Others before and behind it. */
__thread char more[100];

struct header {
    char signature[8];
    uint32_t version;
    uint32_t size;
    uint64_t published;
    const void *payload;
};

static char payload[512];
static size_t filled;

static void field(int number, const void *content, size_t size) {
    payload[filled++] = number << 3 | 2;
    payload[filled++] = size;
    memmove(payload + filled, content, size);
    filled += size;
}

/* A field whose content is what has been written since. */
static void wrap(int number, size_t since) {
    char content[256];
    size_t size = filled - since;
    memcpy(content, payload + since, size);
    filled = since;
    field(number, content, size);
}

static void attribute(int number, const char *key, const char *value) {
    size_t start = filled;
    field(1, key, strlen(key));
    size_t inside = filled;
    field(1, value, strlen(value));
    wrap(2, inside);
    wrap(number, start);
}

/* Says what this process is. */
static void describe(void) {
    filled = 0;
    attribute(1, "service.name", "shop");
    attribute(1, "service.version", "1.2");
    attribute(1, "deployment.environment.name", "test");
    wrap(1, 0);
    size_t start = filled;
    field(1, "threadlocal.attribute_key_map", 29);
    size_t value = filled;
    field(1, "root", 4);
    wrap(1, value);
    size_t second = filled;
    field(1, "http.route", 10);
    wrap(1, second);
    wrap(5, value);
    wrap(2, value);
    wrap(2, start);

    int fd = memfd_create("OTEL_CTX", MFD_CLOEXEC);
    ftruncate(fd, sizeof(struct header));
    struct header *header = mmap(NULL, sizeof(struct header), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    madvise(header, sizeof(struct header), MADV_DONTFORK);
    memcpy(header->signature, "OTEL_CTX", 8);
    header->version = 2;
    header->size = filled;
    header->payload = payload;
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    __sync_synchronize();
    header->published = now.tv_sec * 1000000000ull + now.tv_nsec;
    prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, header, sizeof(struct header), "OTEL_CTX");
}

static void inside(struct record *record) {
    char path[80] = "/in/";
    char *end = path + 4;
    for (int i = 0; i < 16; i++)
        end += sprintf(end, "%02x", record->trace[i]);
    *end++ = '/';
    for (int i = 0; i < 8; i++)
        end += sprintf(end, "%02x", record->span[i]);
    open(path, O_RDONLY);
}

void work(unsigned thread) {
    static __thread struct record records[2];
    more[0] = 1;
    open("/outside", O_RDONLY);
    for (int number = 0; number < 40; number++) {
        struct record *record = &records[number % 2];
        record->valid = 0;
        memset(record->trace, 0xab, 16);
        record->trace[14] = thread;
        record->trace[15] = number / 10;
        memset(record->span, 0xcd, 8);
        record->span[6] = thread;
        record->span[7] = number + 1;
        record->flags = 1;
#ifdef ELASTIC
        record->minor = 1;
        record->trace_present = 1;
#else
        memcpy(record->attributes, "\1\6/route", 8);
        record->size = 8;
#endif
        VARIABLE = record;
        open("/outside", O_RDONLY);
        record->valid = 1;
        inside(record);
        inside(record);
        VARIABLE = NULL;
        open("/outside", O_RDONLY);
    }
}

#ifdef MAIN
static void *other(void *thread) {
    work((unsigned)(uintptr_t)thread);
    return NULL;
}

int main(int count, char **arguments) {
    pthread_t threads[2];
#ifndef ELASTIC
    describe();
#endif
    if (count > 1) {
        /* To be traced from here on. */
        puts("ready");
        fflush(stdout);
        getchar();
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, other, (void *)(uintptr_t)(i + 1));
    work(0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
#endif
