// Threads and processes that are ended at the moment of their birth, by exit_group and by SIGKILL from a sibling.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static void *nothing(void *unused) { return unused; }
static void *starts(void *unused) {
    pthread_t thread;
    for (;;)
        if (pthread_create(&thread, NULL, nothing, NULL) == 0) pthread_detach(thread);
    return unused;
}
int main(void) {
    int good = 0, status;
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            for (int j = 0; j < 3; j++) pthread_create(&thread, NULL, starts, NULL);
            if (i % 2) usleep(i * 20);
            _exit(3);
        }
        if (i % 3 == 0) kill(child, SIGKILL);
        waitpid(child, &status, 0);
        good += i % 3 == 0 ? WIFSIGNALED(status) || WEXITSTATUS(status) == 3 : WIFEXITED(status) && WEXITSTATUS(status) == 3;
    }
    printf("%d\n", good);
    return 0;
}
