// For 32 bits, without any library: makes its system calls itself.
#include "mark.h"

static inline __attribute__((always_inline)) int call(int number, long a, long b) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b) : "memory");
    return result;
}

volatile int touched;
static volatile int one = 1;

static NOINLINE int look(const char *path) {
    return call(33, (long)path, 0);
}

#undef TOUCH
#define TOUCH(function) \
    __asm__ volatile("int $0x80" : "=a"(touched) : "a"(33), "b"(MARK(function)), "c"(0) : "memory")

static NOINLINE int recursion(int n) {
    if (n == 0) {
        TOUCH("recursion");
        return 1;
    }
    int result = recursion(n - 1) + n;
    TOUCH("recursion");
    return result;
}

static NOINLINE int aligned(int n) {
    _Alignas(64) volatile char space[128];
    space[n] = 1;
    TOUCH("aligned");
    return recursion(n) + space[n];
}

static inline __attribute__((always_inline)) int inlined(int n) {
    TOUCH("inlined");
    return n + one;
}

static NOINLINE int many(int a, int b, int c, int d, int e, int f, int g) {
    TOUCH("many");
    return aligned(a + b) + inlined(c + d) + e + f + g;
}

__attribute__((force_align_arg_pointer)) void _start(void) {
    touched += many(one, 2, 3, 4, 5, 6, 7);
    TOUCH("_start");
    touched += look("not marked");
    call(252, 0, 0);
}
