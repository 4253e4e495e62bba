// 16 threads that never rest until SIGTERM. Each counts its calls in a shared file, and how often one of them gave a wrong
// result. 12 call getppid, 2 sleep, 2 pass bytes through a pipe. Usage: busy FILE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
enum { THREADS = 16 };
static volatile uint64_t *counters;
static pid_t parent;
static void *body(void *argument) {
    long index = (long)argument;
    int ends[2];
    pipe(ends);
    for (;;) {
        char byte = 'x';
        int good = 1;
        if (index < 12) good = syscall(SYS_getppid) == parent;
        else if (index < 14) good = nanosleep(&(struct timespec){0, 1000000}, NULL) == 0;
        else good = write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x';
        counters[index]++;
        if (!good) counters[THREADS + index]++;
    }
    return NULL;
}
int main(int argc, char **argv) {
    (void)argc;
    int file = open(argv[1], O_CREAT | O_RDWR, 0644);
    ftruncate(file, 4096);
    counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    parent = getppid();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (long i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, body, (void *)i);
    }
    int number;
    while (sigwait(&set, &number) != 0) {}
    return 21;
}
