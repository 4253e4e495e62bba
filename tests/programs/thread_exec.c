// A thread that is not the first one runs another program, while the first and others are busy or blocked.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *busy(void *unused) {
    for (;;) syscall(SYS_getppid);
    return unused;
}
static void *blocked(void *unused) {
    pause();
    return unused;
}
static void *runs(void *path) {
    usleep(20000);
    execl(path, path, "-c", "echo replaced; exit 5", (char *)NULL);
    return NULL;
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, busy, NULL);
    pthread_create(&thread, NULL, blocked, NULL);
    pthread_create(&thread, NULL, runs, "/bin/sh");
    pause();
    return 1;
}
