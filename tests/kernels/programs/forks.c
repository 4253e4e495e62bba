// Children of every kind: waited for one by one, alive at the same time, grandchildren, killed, and running another program.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void calls(int count) {
    for (int i = 0; i < count; i++)
        syscall(SYS_getppid);
}

static void expect(pid_t child, int status) {
    int found;
    if (waitpid(child, &found, 0) != child || found != status)
        _exit(1);
}

static void one_by_one(void) {
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            calls(10);
            _exit(i);
        }
        expect(child, i << 8);
    }
}

// All are blocked until the parent lets them go, one after another.
static void at_once(void) {
    enum { CHILDREN = 4 };
    int gates[CHILDREN][2];
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        if (pipe2(gates[i], O_CLOEXEC))
            _exit(2);
        children[i] = fork();
        if (children[i] == 0) {
            char byte;
            if (read(gates[i][0], &byte, 1) != 1)
                _exit(3);
            calls(5);
            _exit(0);
        }
    }
    for (int i = CHILDREN - 1; i >= 0; i--) {
        if (write(gates[i][1], "x", 1) != 1)
            _exit(4);
        expect(children[i], 0);
        close(gates[i][0]);
        close(gates[i][1]);
    }
}

static void grandchildren(void) {
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            calls(3);
            _exit(7);
        }
        expect(grandchild, 7 << 8);
        _exit(8);
    }
    expect(child, 8 << 8);
}

static void killed(void) {
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        syscall(SYS_kill, getpid(), SIGKILL);
    }
    // The kernel leaves the times in it alone.
    static siginfo_t info;
    if (waitid(P_PID, child, &info, WEXITED | WNOWAIT) || info.si_status != SIGKILL)
        _exit(5);
    expect(child, SIGKILL);
}

static int run(void *self) {
    char *arguments[] = {self, "child", NULL}, *environment[] = {"A=1", NULL};
    execve(self, arguments, environment);
    _exit(9);
}

static void other_program(char *self) {
    static char stack[16384] __attribute__((aligned(16)));
    // What posix_spawn does: the parent waits until the child has another image.
    pid_t child = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, self);
    expect(child, 3 << 8);
    child = fork();
    if (child == 0) {
        execve("/no/such/program", (char *[]){"x", NULL}, (char *[]){NULL});
        run(self);
    }
    expect(child, 3 << 8);
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "child")) {
        calls(2);
        return 3;
    }
    one_by_one();
    at_once();
    grandchildren();
    killed();
    other_program(arguments[0]);
    return 0;
}
