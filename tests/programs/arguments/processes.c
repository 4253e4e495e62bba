// Children: forked, vforked, waited for in all ways; groups and sessions.
#include <signal.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    int status;
    struct rusage usage;
    siginfo_t info;
    pid_t child = fork();
    if (child == 0) _exit(7);
    waitpid(child, &status, 0);
    child = syscall(SYS_fork);
    if (child == 0) kill(getpid(), SIGKILL);
    wait4(child, &status, 0, &usage);
    child = vfork();
    if (child == 0) _exit(0);
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    waitid(P_ALL, 0, &info, WEXITED);
    // The child waits to be told to end, and SIGCHLD stays out of the way: each call happens the same way in every run.
    int end[2];
    char byte = 0;
    sigset_t chld;
    pipe(end);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        raise(SIGSTOP);
        read(end[0], &byte, 1);
        _exit(1);
    }
    waitpid(child, &status, WUNTRACED | __WALL);
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    write(end[1], &byte, 1);
    waitpid(-1, &status, 0);
    sigprocmask(SIG_UNBLOCK, &chld, NULL);
    waitpid(-1, &status, WNOHANG);
    waitpid(child, NULL, 0);
    waitid(P_PGID, 1, NULL, WSTOPPED);
    child = fork();
    if (child == 0) {
        setsid();
        getsid(0);
        _exit(200);
    }
    wait(&status);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        getpgid(0);
        setpgid(0, 99999999);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
