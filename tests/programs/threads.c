// THREADS threads that call getppid CALLS times each. The same calls in every run: all threads exist before the first one
// starts, and joining waits without a call. Usage: threads THREADS CALLS
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int gate[2], done[2], calls;
static void *body(void *unused) {
    char byte;
    read(gate[0], &byte, 1);
    for (int i = 0; i < calls; i++) syscall(SYS_getppid);
    write(done[1], "d", 1);
    return unused;
}
int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 8;
    calls = argc > 2 ? atoi(argv[2]) : 1000;
    pthread_t threads[count];
    char byte;
    pipe(gate), pipe(done);
    for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, body, NULL);
    for (int i = 0; i < count; i++) write(gate[1], "g", 1);
    for (int i = 0; i < count; i++) read(done[0], &byte, 1);
    for (int i = 0; i < count; i++)
        while (pthread_tryjoin_np(threads[i], NULL) == EBUSY) {}
    return 0;
}
