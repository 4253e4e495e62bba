// A program that forbids others to look at it (PR_SET_DUMPABLE) and goes on to work.
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int status, in_order = syscall(SYS_getppid) == getppid();
    pid_t child = fork();
    if (child == 0) _exit(syscall(SYS_getppid) == getppid() ? 5 : 6);
    waitpid(child, &status, 0);
    printf("%d %d %d\n", in_order, WEXITSTATUS(status), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return 0;
}
