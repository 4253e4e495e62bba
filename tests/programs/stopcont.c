// A child that is stopped and continued by its parent, seen from the parent: it must stand still while it is stopped.
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t child = fork();
    if (child == 0) {
        while (!shared[1]) shared[0]++, getppid();
        _exit(7);
    }
    while (!shared[0]) usleep(1000);
    kill(child, SIGSTOP);
    int stopped = waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
    int before = shared[0];
    usleep(200000);
    int still = before == shared[0];
    kill(child, SIGCONT);
    int continued = waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
    while (before == shared[0]) usleep(1000);
    shared[1] = 1;
    waitpid(child, &status, 0);
    printf("stopped %d still %d continued %d exit %d\n", stopped, still, continued, WEXITSTATUS(status));
    return 0;
}
