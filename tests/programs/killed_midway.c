// 200 children, each killed by SIGKILL in the middle of its system calls; prints how many died so.
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    int killed = 0, status;
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;) syscall(SYS_getppid);
        if (i % 2) usleep(i * 10);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    printf("%d\n", killed);
    return 0;
}
