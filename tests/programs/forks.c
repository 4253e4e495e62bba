// CHILDREN children at once that call getppid CALLS times each. SIGCHLD is blocked, so that no wait is interrupted.
// Usage: forks CHILDREN CALLS
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 200, calls = argc > 2 ? atoi(argv[2]) : 10;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            for (int j = 0; j < calls; j++) syscall(SYS_getppid);
            _exit(0);
        }
    }
    for (int i = 0; i < count; i++) wait(NULL);
    return 0;
}
