// Signals of every kind: handlers, masks, queues, timers, waits, faults, and a call that is interrupted and goes on.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int to_read[2];
static sigjmp_buf back;

static void count(int signal) {
    (void)signal;
    caught++;
    syscall(SYS_gettid);
}

static void feed(int signal) {
    (void)signal;
    if (write(to_read[1], "fed", 3) != 3)
        _exit(20);
}

static void escape(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    siglongjmp(back, 1);
}

static void handle(int signal, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaddset(&action.sa_mask, SIGUSR2);
    if (sigaction(signal, &action, NULL))
        _exit(21);
}

static void need(int condition) {
    if (!condition)
        _exit(22);
}

static void masks(void) {
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    handle(SIGUSR1, count, SA_RESTART);
    handle(SIGRTMIN + 1, count, SA_NODEFER);
    need(!sigprocmask(SIG_BLOCK, &set, &old));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 17});
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 18});
    need(!sigpending(&pending) && sigismember(&pending, SIGUSR1) && caught == 0);
    need(!sigprocmask(SIG_SETMASK, &old, NULL) && caught == 3);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    need(caught == 4);
}

static void ignored(void) {
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    need(!pipe(ends));
    close(ends[0]);
    need(write(ends[1], "lost", 4) == -1 && errno == EPIPE);
    close(ends[1]);
}

static void waits(void) {
    sigset_t set, none;
    siginfo_t info;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGALRM);
    need(!sigprocmask(SIG_BLOCK, &set, NULL));
    struct timespec moment = {0, 1000000};
    need(sigtimedwait(&set, &info, &moment) == -1 && errno == EAGAIN);
    kill(getpid(), SIGUSR1);
    need(sigtimedwait(&set, &info, &moment) == SIGUSR1);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    struct signalfd_siginfo from;
    kill(getpid(), SIGUSR1);
    need(read(fd, &from, sizeof from) == sizeof from && from.ssi_signo == SIGUSR1);
    close(fd);
    // The timer's signal is blocked until sigsuspend, so it cannot come too early.
    handle(SIGALRM, count, 0);
    struct itimerval timer = {{0, 0}, {0, 5000}};
    caught = 0;
    need(!setitimer(ITIMER_REAL, &timer, NULL));
    need(sigsuspend(&none) == -1 && errno == EINTR && caught == 1);
    need(!setitimer(ITIMER_REAL, &timer, NULL));
    need(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR && caught == 2);
    need(!sigprocmask(SIG_UNBLOCK, &set, NULL));
}

// The timer is slow enough to find us reading even where everything is emulated and traced.
static void restarted(void) {
    char buffer[8];
    struct itimerval timer = {{0, 0}, {0, 500000}};
    need(!pipe(to_read));
    handle(SIGALRM, feed, SA_RESTART);
    need(!setitimer(ITIMER_REAL, &timer, NULL));
    need(read(to_read[0], buffer, sizeof buffer) == 3 && !memcmp(buffer, "fed", 3));
    handle(SIGALRM, count, 0);
    need(!setitimer(ITIMER_REAL, &timer, NULL));
    need(read(to_read[0], buffer, sizeof buffer) == -1 && errno == EINTR);
}

static void faults(void) {
    static char stack[32768];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    need(!sigaltstack(&alternative, NULL));
    struct sigaction action = {.sa_sigaction = escape, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    need(!sigaction(SIGSEGV, &action, NULL));
    char *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(back, 1)) {
        *(volatile char *)forbidden = 1;
        _exit(23);
    }
    need(!munmap(forbidden, 4096));
    alternative.ss_flags = SS_DISABLE;
    need(!sigaltstack(&alternative, &old));
}

int main(void) {
    masks();
    ignored();
    waits();
    restarted();
    faults();
    return 0;
}
