// C in many shapes; each makes system calls whose path is the place of the call. The argument is a library to load.
#define _GNU_SOURCE
#include <alloca.h>
#include <dirent.h>
#include <dlfcn.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#include "inlined.h"
#include "other.h"

volatile int touched;
static volatile int one = 1;

__attribute__((constructor)) static void early(void) {
    TOUCH("early");
}

__attribute__((destructor)) static void late(void) {
    TOUCH("late");
}

static void at_exit(void) {
    TOUCH("at_exit");
}

static NOINLINE void ways(void) {
    struct stat status;
    struct statvfs filesystem;
    char buffer[16];
    touched += open(MARK("ways"), O_RDONLY);
    touched += stat(MARK("ways"), &status);
    touched += lstat(MARK("ways"), &status);
    touched += statvfs(MARK("ways"), &filesystem);
    touched += readlink(MARK("ways"), buffer, sizeof buffer);
    touched += unlink(MARK("ways"));
    touched += chmod(MARK("ways"), 0600);
    touched += truncate(MARK("ways"), 0);
    touched += rename(MARK("ways"), "nowhere");
    touched += chdir(MARK("ways"));
    touched += syscall(SYS_openat, AT_FDCWD, MARK("ways"), O_RDONLY);
    touched += execl(MARK("ways"), "name", (char *)0);
    touched += fopen(MARK("ways"), "r") != 0;
    touched += freopen(MARK("ways"), "r", stdin) != 0;
    touched += opendir(MARK("ways")) != 0;
    touched += dlopen(MARK("ways"), RTLD_NOW) != 0;
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)path, (void)status, (void)kind, (void)where;
    TOUCH("visit");
    return 1;
}

static int on_error(const char *path, int number) {
    (void)path, (void)number;
    TOUCH("on_error");
    return 1;
}

static NOINLINE void deep_in_the_library(void) {
    glob_t found;
    touched += nftw(MARK("deep_in_the_library"), visit, 2, 0);
    touched += nftw("/proc/self", visit, 2, FTW_PHYS);
    touched += glob("/proc/self/task/*/nothing?", 0, on_error, &found) == 0;
    touched += glob("/nowhere/*", GLOB_ERR, on_error, &found) == 0;
}

static NOINLINE int direct(void) {
    long result = 0;
#if defined __x86_64__
    const char *path = MARK("direct"); __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_access), "D"(path), "S"(0) : "rcx", "r11", "memory");
#elif defined __aarch64__
    TOUCH("direct");
#endif
    return (int)result;
}

static NOINLINE int recursion(int n) {
    char space[100];
    memset(space, n, sizeof space);
    if (n == 0) {
        TOUCH("recursion");
        return 0;
    }
    int result = recursion(n - 1) + space[n % 100];
    if (n == 3) TOUCH("recursion");
    return result;
}

typedef int vector __attribute__((vector_size(32)));

static NOINLINE int realigned(int a, int b, int c, int d, int e, int f, int g, int h, int length) {
    _Alignas(64) char aligned[128];
    volatile vector *wide = (volatile vector *)aligned;
    char *dynamic = alloca((size_t)length);
    memset(dynamic, a, (size_t)length);
    *wide = (vector){a, b, c, d, e, f, g, h};
    TOUCH("realigned");
    int result = calls_back(generated, dynamic[length / 2]) + (*wide)[3] + (((unsigned long)wide & 31) != 0);
    TOUCH("realigned");
    return result;
}

static NOINLINE int variable_length(int n) {
    int array[n];
    memset(array, 0, sizeof array);
    TOUCH("variable_length");
    array[n - 1] = realigned(1, 2, 3, 4, 5, 6, 7, 8, n);
    TOUCH("variable_length");
    return array[n - 1];
}

static NOINLINE int large_frame(int n) {
    char large[300000];
    memset(large, n, sizeof large);
    TOUCH("large_frame");
    return recursion(5) + large[n];
}

static NOINLINE int variadic(int count, ...) {
    va_list list;
    va_start(list, count);
    int sum = 0;
    for (int n = 0; n < count; n++) sum += va_arg(list, int);
    TOUCH("variadic");
    va_end(list);
    return sum;
}

static int compare(const void *a, const void *b) {
    TOUCH("compare");
    return *(const int *)a - *(const int *)b;
}

static NOINLINE void callbacks(void) {
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof *numbers, compare);
    touched += bsearch(numbers, numbers, 3, sizeof *numbers, compare) != 0;
    touched += calls_back(other, 1);
}

static __attribute__((cold)) NOINLINE void unlikely(void) {
    TOUCH("unlikely");
}

static NOINLINE int branches(int n) {
    int result = 0;
    if (__builtin_expect(n == 1, 0)) {
        TOUCH("branches");
        unlikely();
        TOUCH("branches");
    }
    for (int i = 0; i < 2; i++) {
        result += access(i ? MARK("branches") : MARK("branches"), F_OK); // one line, two copies of the call perhaps
    }
    switch (n) {
    case 0: result++; break;
    case 1: TOUCH("branches"); break;
    case 2: result += 2; break;
    default: result *= n;
    }
    do TOUCH("branches"); while (result == 12345);
    return result;
}

static jmp_buf back;

static __attribute__((noreturn)) NOINLINE void leaves(int n) {
    TOUCH("leaves");
    longjmp(back, n);
}

static NOINLINE void jumps(void) {
    if (setjmp(back) == 0) {
        TOUCH("jumps");
        leaves(one);
    }
    TOUCH("jumps");
}

static void clean(int *n) {
    touched += *n;
    TOUCH("clean");
}

static NOINLINE void scope(void) {
    __attribute__((cleanup(clean), unused)) int n = one;
    TOUCH("scope");
}

static sigjmp_buf recover;
static volatile sig_atomic_t handled;

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    TOUCH("on_fault");
    siglongjmp(recover, 1);
}

static void on_signal(int number) {
    TOUCH("on_signal");
    inlined(number);
    if (number == SIGUSR1) raise(SIGUSR2);
    handled++;
}

static NOINLINE void faults(void) {
    if (sigsetjmp(recover, 1) == 0) *(volatile int *)(long)(one - 1) = 1;
    TOUCH("faults");
}

static NOINLINE void spins(void) {
    handled = 0;
    alarm(1);
    ualarm(2000, 0);
    while (!handled) {}
    TOUCH("spins");
}

static NOINLINE void signals(void) {
    stack_t alternate = {.ss_size = 65536, .ss_sp = malloc(65536)};
    sigaltstack(&alternate, 0);
    struct sigaction action = {.sa_flags = SA_ONSTACK | SA_SIGINFO, .sa_sigaction = on_fault};
    sigaction(SIGSEGV, &action, 0);
    faults();
    struct sigaction plain = {.sa_flags = SA_ONSTACK | SA_NODEFER, .sa_handler = on_signal};
    sigaction(SIGUSR1, &plain, 0);
    sigaction(SIGALRM, &plain, 0);
    plain.sa_flags = 0;
    sigaction(SIGUSR2, &plain, 0);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    spins();
}

static void *thread(void *argument) {
    TOUCH("thread");
    touched += recursion((int)(long)argument);
    callbacks();
    return argument;
}

static NOINLINE void threads(void) {
    pthread_t made[3];
    for (long n = 0; n < 3; n++) pthread_create(&made[n], 0, thread, (void *)(n + 3));
    for (int n = 0; n < 3; n++) pthread_join(made[n], 0);
    TOUCH("threads");
}

static NOINLINE void children(void) {
    extern char **environ;
    char *arguments[] = {"name", 0};
    pid_t child = 0;
    touched += posix_spawn(&child, MARK("children"), 0, 0, arguments, environ);
    touched += posix_spawn(&child, MARK("children"), 0, 0, arguments, environ);
    child = fork();
    if (child == 0) {
        TOUCH("children");
        recursion(4);
        _exit(0);
    }
    waitpid(child, 0, 0);
    child = vfork();
    if (child == 0) {
        execl(MARK("children"), "name", (char *)0);
        _exit(0);
    }
    waitpid(child, 0, 0);
    TOUCH("children");
}

#ifdef __GLIBC__
static ucontext_t outside, inside;

static void coroutine(int n) {
    TOUCH("coroutine");
    touched += recursion(n);
    swapcontext(&inside, &outside);
    TOUCH("coroutine");
}

static NOINLINE void contexts(void) {
    getcontext(&inside);
    inside.uc_stack.ss_sp = malloc(65536);
    inside.uc_stack.ss_size = 65536;
    inside.uc_link = &outside;
    makecontext(&inside, (void (*)(void))coroutine, 1, 3);
    swapcontext(&outside, &inside);
    TOUCH("contexts");
    swapcontext(&outside, &inside);
    TOUCH("contexts");
}
#else
static NOINLINE void contexts(void) {}
#endif

static NOINLINE void loaded(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    int (*plugin)(int (*)(int), int) = (int (*)(int (*)(int), int))dlsym(library, "plugin");
    touched += plugin(other, one);
    TOUCH("loaded");
    dlclose(library);
    TOUCH("loaded");
}

int main(int count, char **arguments) {
    TOUCH("main");
    atexit(at_exit);
    ways();
    deep_in_the_library();
    touched += direct();
    inlined(one);
    touched += other(one);
    touched += recursion(30);
    touched += variable_length(one + 40);
    touched += large_frame(one);
    touched += variadic(9, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    callbacks();
    touched += branches(one);
    jumps();
    scope();
    signals();
    threads();
    children();
    contexts();
    if (count > 1) loaded(arguments[1]);
    TOUCH("main");
    return 0;
}
