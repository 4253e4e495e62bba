// A daemon: forked twice, in its own session, writes its file after its parents are long gone. Usage: daemon FILE
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    (void)argc;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork()) _exit(0);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        usleep(700000);
        int file = open(argv[1], O_CREAT | O_WRONLY, 0644);
        write(file, "late\n", 5);
        _exit(9);
    }
    waitpid(child, NULL, 0);
    return 3;
}
