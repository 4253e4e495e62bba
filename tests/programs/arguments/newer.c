// Calls of recent kernels: openat2, clone3, pidfds, close_range.
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    struct open_how how = {.flags = O_RDWR | O_CREAT | O_CLOEXEC, .mode = 0640, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how);
    how = (struct open_how){.flags = O_PATH | O_DIRECTORY};
    syscall(SYS_openat2, AT_FDCWD, "/etc", &how, sizeof how);
    syscall(SYS_openat2, AT_FDCWD, "/etc", &how, 4);
    syscall(SYS_openat2, AT_FDCWD, "/etc", NULL, sizeof how);
    struct clone_args args = {.exit_signal = SIGCHLD};
    pid_t child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) _exit(3);
    waitpid(child, NULL, 0);
    int pidfd = -1;
    args = (struct clone_args){.flags = CLONE_PIDFD | CLONE_VFORK, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    syscall(SYS_clone3, NULL, sizeof args);
    int self = syscall(SYS_pidfd_open, getpid(), 0);
    syscall(SYS_pidfd_open, -1, 0);
    syscall(SYS_pidfd_send_signal, self, 0, NULL, 0);
    syscall(SYS_pidfd_getfd, self, 0, 0);
    syscall(SYS_close_range, 50, 60, 0);
    syscall(SYS_close_range, 50, -1, 4);
    syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK | W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
    syscall(SYS_execveat, -1, "", NULL, NULL, AT_EMPTY_PATH);
    unsigned char random[4];
    syscall(SYS_getrandom, random, sizeof random, 1);
    syscall(SYS_getrandom, random, sizeof random, 0xff00);
    syscall(SYS_userfaultfd, 0x7777);
    syscall(SYS_seccomp, 2, 0, NULL);
    syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 1);
    syscall(SYS_unshare, 0x400);
    syscall(SYS_setns, 99, CLONE_NEWUTS);
    syscall(1000, 1, 2, 3, 4, 5, 6);
    return 0;
}
