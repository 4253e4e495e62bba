// Four threads that all want to run another program at the same time, while others make calls and start threads.
// Runs itself GENERATIONS times in this way. Usage: exec_race GENERATIONS
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static char *self;
static char next[16];
static pthread_barrier_t barrier;
static void *nothing(void *unused) { return unused; }
static void *busy(void *unused) {
    for (;;) syscall(SYS_getppid);
    return unused;
}
static void *starts(void *unused) {
    pthread_t thread;
    for (;;)
        if (pthread_create(&thread, NULL, nothing, NULL) == 0) pthread_detach(thread);
    return unused;
}
static void *runs(void *unused) {
    pthread_barrier_wait(&barrier);
    execl(self, self, next, (char *)NULL);
    return unused;
}
int main(int argc, char **argv) {
    (void)argc;
    int left = atoi(argv[1]);
    pthread_t thread;
    if (left == 0) {
        puts("done");
        return 8;
    }
    self = argv[0];
    snprintf(next, sizeof next, "%d", left - 1);
    pthread_barrier_init(&barrier, NULL, 4);
    pthread_create(&thread, NULL, busy, NULL);
    pthread_create(&thread, NULL, starts, NULL);
    for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, runs, NULL);
    pause();
    return 1;
}
