/* Says things by every means that a program has, one after another; with an argument, on two threads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(int descriptor, const char *text) { syscall(SYS_write, descriptor, text, strlen(text)); }

static void *other(void *unused)
{
    say(2, "[RESULT] other = 1\n");
    return unused;
}

int main(int count, char **words)
{
    say(2, "noise\n[DECISION] way::write input={\"a\":1}\n[RESULT] write = {\"b\":2}\nmore noise\n");
    say(1, "[RESULT] no = standard output\n");
    say(2, "[DECI");
    say(2, "SION] way::split inp");
    say(2, "ut={}\n");
    struct iovec pieces[] = {{"[RESULT] vec", 12}, {NULL, 0}, {"tor = 3\n", 8}};
    syscall(SYS_writev, 2, pieces, 3);
    int copy = dup(2), other_copy = fcntl(copy, F_DUPFD, 50);
    say(copy, "[RESULT] dup = 4\n");
    say(other_copy, "[RESULT] fcntl = 5\n");
    dup2(1, copy);
    say(copy, "[RESULT] no = no duplicate any more\n");
    int saved = dup(1);
    dup2(2, 1);
    say(1, "[RESULT] dup2 = 6\n");
    dup2(saved, 1);
    say(1, "[RESULT] no = standard output again\n");
    syscall(SYS_write, 2, (void *)8, 4);
    syscall(SYS_faccessat, AT_FDCWD, "MARK: seven", F_OK);
    syscall(SYS_faccessat, AT_FDCWD, "MARK: no", R_OK);
#ifdef SYS_access
    syscall(SYS_access, "MARK: eight", F_OK);
#else
    syscall(SYS_faccessat, AT_FDCWD, "MARK: eight", F_OK);
#endif
    syscall(SYS_faccessat2, AT_FDCWD, "MARK: nine", F_OK, 0);
    if (fork() == 0) {
        say(other_copy, "[RESULT] child = 10\n");
        _exit(0);
    }
    wait(NULL);
    if (count > 1) {
        pthread_t thread;
        pthread_create(&thread, NULL, other, NULL);
        pthread_join(thread, NULL);
    }
    say(2, "[RESULT] never ended = ");
    return 0;
}
