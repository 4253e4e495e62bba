// Threads that wait in calls that PTRACE_INTERRUPT makes return EINTR (signal(7)), and call getppid in between, for as many
// seconds as are given. Each wait must end as it would without a tracer. Prints nothing but what went wrong.
// Usage: waits SECONDS [untimed], where `untimed` leaves out those that wait for a time
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static double until;
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void expect(int right, const char *what) {
    if (!right) printf("%s: %s\n", what, strerror(errno));
}
static void busy(void) {
    for (int i = 0; i < 300; i++) syscall(SYS_getppid);
}
// A wait that should have taken `wanted` seconds: not less, and not as much more as one that begins again takes.
static void lasted(double start, double wanted, const char *what) {
    double took = now() - start;
    if (took < wanted - 0.001 || took > wanted * 2.5 + 0.3) printf("%s took %.3f s\n", what, took);
}
struct pair {
    int epoll, event;
};
static void *wakes(void *argument) {
    struct pair *pair = argument;
    while (now() < until) {
        usleep(20000 + random() % 200000);
        eventfd_write(pair->event, 1);
        busy();
    }
    eventfd_write(pair->event, 1);
    return NULL;
}
static void *waits_for_ever(void *argument) {
    struct pair *pair = argument;
    struct epoll_event event;
    eventfd_t value;
    while (now() < until) {
        expect(epoll_wait(pair->epoll, &event, 1, -1) == 1, "epoll_wait");
        expect(eventfd_read(pair->event, &value) == 0, "read of an eventfd");
        busy();
    }
    return NULL;
}
static void *waits_a_while(void *argument) {
    int epoll = epoll_create1(0);
    struct epoll_event event;
    while (now() < until) {
        double start = now();
        expect(epoll_wait(epoll, &event, 1, 400) == 0, "epoll_wait with a time");
        lasted(start, 0.4, "epoll_wait");
        start = now();
        expect(poll(NULL, 0, 150) == 0, "poll");
        lasted(start, 0.15, "poll");
        start = now();
        expect(nanosleep(&(struct timespec){0, 150000000}, NULL) == 0, "nanosleep");
        lasted(start, 0.15, "nanosleep");
        busy();
    }
    return NULL;
}
static void *receives(void *argument) {
    int ends[2];
    char byte;
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    struct timeval limit = {0, 300000};
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    while (now() < until) {
        double start = now();
        expect(recv(ends[0], &byte, 1, 0) == -1 && errno == EAGAIN, "recv with a time");
        lasted(start, 0.3, "recv");
        busy();
    }
    return NULL;
}
static void *takes_signals(void *argument) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    siginfo_t info;
    while (now() < until) {
        expect(sigwaitinfo(&set, &info) == SIGUSR1, "sigwaitinfo");
        busy();
    }
    return NULL;
}
static void *sends_signals(void *argument) {
    for (int i = 0; i < 2 || now() < until + 0.2; i++) {
        usleep(150000);
        kill(getpid(), SIGUSR1);
        busy();
    }
    return NULL;
}
static int semaphore;
static void *downs(void *argument) {
    struct sembuf down = {0, -1, 0};
    while (now() < until) {
        expect(semop(semaphore, &down, 1) == 0, "semop");
        busy();
    }
    return NULL;
}
static void *ups(void *argument) {
    struct sembuf up = {0, 1, 0};
    while (now() < until + 0.2) {
        usleep(170000);
        semop(semaphore, &up, 1);
        busy();
    }
    return NULL;
}
int main(int argc, char **argv) {
    until = now() + atof(argv[1]);
    setvbuf(stdout, NULL, _IONBF, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct pair pair = {epoll_create1(0), eventfd(0, 0)};
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(pair.epoll, EPOLL_CTL_ADD, pair.event, &event);
    semaphore = semget(IPC_PRIVATE, 1, 0600);
    void *(*bodies[])(void *) = {waits_for_ever, wakes, takes_signals, sends_signals, downs, ups, waits_a_while, receives};
    int count = argc > 2 ? 6 : 8;
    pthread_t threads[8];
    for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, bodies[i], &pair);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    semctl(semaphore, 0, IPC_RMID);
    return 23;
}
