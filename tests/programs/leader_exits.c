// The first thread ends before the others; the process's exit code is the last one's word.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *body(void *unused) {
    usleep(50000);
    for (int i = 0; i < 100; i++) syscall(SYS_getppid);
    puts("still here");
    exit(12);
    return unused;
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, body, NULL);
    pthread_exit(NULL);
}
