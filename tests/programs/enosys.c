// Processes that come and go for as long as the file's folder stands, and make calls that a filter reports. One that fails with ENOSYS is
// written to the file: no call of these can.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int file;
static void check(const char *name, long result) {
    if (result == -1 && errno == ENOSYS) (void)!write(file, name, strlen(name));
}
static void work(void) {
    for (int i = 0; i < 50; i++) {
        check("getuid\n", syscall(SYS_getuid));
        check("getppid\n", syscall(SYS_getppid));
        int opened = open("/dev/null", O_RDONLY);
        check("open\n", opened);
        check("close\n", close(opened));
    }
}
int main(int count, char **arguments) {
    (void)count;
    file = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (access(arguments[1], F_OK) == 0) {
        pid_t child = fork();
        check("fork\n", child);
        if (child == 0) {
            work();
            pid_t grandchild = vfork();
            check("vfork\n", grandchild);
            if (grandchild == 0) {
                check("execve\n", execl("/bin/true", "true", NULL));
                _exit(1);
            }
            waitpid(grandchild, NULL, 0);
            _exit(0);
        }
        work();
        waitpid(child, NULL, 0);
    }
    return 0;
}
