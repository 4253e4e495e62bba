// 50 programs run by vfork and exec; prints how many ended as they should.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    volatile int good = 0;
    int status;
    for (volatile int i = 0; i < 50; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
            _exit(1);
        }
        waitpid(child, &status, 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 3;
    }
    printf("%d\n", good);
    return 0;
}
