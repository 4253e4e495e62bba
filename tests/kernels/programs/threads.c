// Eight threads, each of which makes 50 calls and more, at the same time. They are made by clone itself, so that neither
// their stacks nor the wait for their end depend on chance: a wait is one futex call, whichever way it ends.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 8, STACK = 64 * 1024 };

static char stacks[THREADS][STACK] __attribute__((aligned(16)));
static int alive[THREADS];

static int work(void *argument) {
    char name[] = "worker-0";
    name[7] += (int)(long)argument;
    syscall(SYS_prctl, PR_SET_NAME, name, 0, 0, 0);
    for (int i = 0; i < 50; i++)
        syscall(SYS_getppid);
    syscall(SYS_gettid);
    syscall(SYS_sched_yield);
    return 0;
}

int main(void) {
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    for (long i = 0; i < THREADS; i++) {
        alive[i] = 1;
        if (clone(work, stacks[i] + STACK, flags, (void *)i, NULL, NULL, &alive[i]) < 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        // Returns at once, with EAGAIN, if the thread has ended already.
        syscall(SYS_futex, &alive[i], FUTEX_WAIT, 1, NULL, NULL, 0);
        if (alive[i])
            return 2;
    }
    return 0;
}
