// 20 processes of 4 threads each, all stopped and continued many times while they make calls; then told to end.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
enum { PROCESSES = 20 };
static void *busy(void *unused) {
    for (;;) syscall(SYS_getppid);
    return unused;
}
int main(void) {
    pid_t children[PROCESSES];
    int status, ended = 0, stopped = 0;
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            pthread_t thread;
            for (int j = 0; j < 3; j++) pthread_create(&thread, NULL, busy, NULL);
            busy(NULL);
        }
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < PROCESSES; i++) kill(children[i], SIGSTOP);
        for (int i = 0; i < PROCESSES; i++) stopped += waitpid(children[i], &status, WUNTRACED) == children[i] && WIFSTOPPED(status);
        for (int i = 0; i < PROCESSES; i++) kill(children[i], SIGCONT);
    }
    for (int i = 0; i < PROCESSES; i++) kill(children[i], SIGTERM);
    for (int i = 0; i < PROCESSES; i++) {
        waitpid(children[i], &status, 0);
        ended += WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    }
    printf("stopped %d ended %d\n", stopped, ended);
    return 0;
}
