/* Calls itself in many ways and, at the bottom, tells where each of its functions shall return to; then waits in read.
 * One line: "registers rbx rbp r12 r13 r14 r15", then "returns", each in hexadecimal, the innermost function's first. */
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline, noclone))
#define ENTER() push(__builtin_return_address(0))
#define LEAVE() (depth--)

static void *returns[256];
static volatile int depth, sink;

static inline void push(void *address) { returns[depth++] = address; }

NOINLINE static void wait_here(void) {
    ENTER();
    char line[8192], byte;
    int used = 0;
    for (int i = depth; i-- > 0;)
        used += snprintf(line + used, sizeof line - used, " %lx", (unsigned long)returns[i]);
    printf("returns%s\n", line);
    unsigned long r[6];
    __asm__ volatile("mov %%rbx, (%0); mov %%rbp, 8(%0); mov %%r12, 16(%0); mov %%r13, 24(%0); mov %%r14, 32(%0); mov %%r15, 40(%0)"
                     : : "r"(r) : "memory");
    printf("registers %lx %lx %lx %lx %lx %lx\n", r[0], r[1], r[2], r[3], r[4], r[5]);
    fflush(stdout);
    sink = read(0, &byte, 1);
    exit(0);
}

NOINLINE static void recurse(int n) {
    ENTER();
    volatile char local[40];
    local[n % 40] = 1;
    if (n == 0)
        wait_here();
    else
        recurse(n - 1);
    sink += local[0];
    LEAVE();
}

NOINLINE static void grow(int n) {
    ENTER();
    char *room = alloca(n * 100 + 10);
    memset(room, n, 10);
    if (n == 0)
        wait_here();
    else
        grow(n - 1);
    sink += room[0];
    LEAVE();
}

typedef double vector __attribute__((vector_size(32)));

NOINLINE static void align(int n) {
    ENTER();
    volatile vector one = {n, n, n, n};
    vector many[n + 2];
    many[n] = one;
    if (n == 0)
        wait_here();
    else
        align(n - 1);
    sink += many[n][0] + one[1];
    LEAVE();
}

NOINLINE static int compare(const void *a, const void *b) {
    ENTER();
    if (++sink > 3)
        recurse(2);
    LEAVE();
    return *(const int *)a - *(const int *)b;
}

NOINLINE static void sort(void) {
    ENTER();
    int numbers[] = {5, 3, 1, 4, 2, 9, 8};
    qsort(numbers, 7, sizeof *numbers, compare);
    LEAVE();
}

static void handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    push((void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]);
    ENTER();
    recurse(3);
    sink++;
}

static void handle(int signal) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, 0);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(signal, &action, 0);
}

NOINLINE static void fault(int n) {
    ENTER();
    if (n > 0) {
        fault(n - 1);
    } else {
        volatile int *nowhere = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *nowhere = 1;
    }
    sink++;
    LEAVE();
}

static void *in_thread(void *argument) {
    (void)argument;
    push(0);
    recurse(4);
    return 0;
}

int main(int count, char **words) {
    const char *way = count > 1 ? words[1] : "";
    if (!strcmp(way, "recurse"))
        recurse(100);
    if (!strcmp(way, "grow"))
        grow(60);
    if (!strcmp(way, "align"))
        align(9);
    if (!strcmp(way, "sort"))
        sort();
    if (!strcmp(way, "fault"))
        handle(SIGSEGV), fault(5);
    if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, 0, in_thread, 0);
        pthread_join(thread, 0);
    }
    return 1;
}
