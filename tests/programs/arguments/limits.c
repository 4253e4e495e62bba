// Limits, usage, scheduling.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>
int main(void) {
    struct rlimit limit = {100, 200}, endless = {RLIM_INFINITY, RLIM_INFINITY}, got;
    syscall(SYS_getrlimit, RLIMIT_CORE, &got);
    syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit);
    syscall(SYS_setrlimit, RLIMIT_CPU, &endless);
    prlimit(0, RLIMIT_NOFILE, NULL, &got);
    limit = (struct rlimit){1024 * 1024, 8 * 1024 * 1024};
    prlimit(0, RLIMIT_STACK, &limit, &got);
    prlimit(0, 99, NULL, &got);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    getrusage(RUSAGE_CHILDREN, &usage);
    getrusage(77, &usage);
    struct sysinfo info;
    sysinfo(&info);
    getpriority(PRIO_PROCESS, 0);
    setpriority(PRIO_PROCESS, 0, 1);
    nice(1);
    unsigned long mask[16];
    syscall(SYS_sched_getaffinity, 0, 4, mask);
    unsigned long first = 1;
    syscall(SYS_sched_setaffinity, 0, sizeof first, &first);
    syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    struct sched_param param = {0};
    sched_getparam(0, &param);
    sched_getscheduler(0);
    sched_setscheduler(0, SCHED_BATCH, &param);
    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
    sched_get_priority_max(SCHED_RR);
    sched_get_priority_min(SCHED_OTHER);
    sched_yield();
    unsigned cpu, node;
    syscall(SYS_getcpu, &cpu, &node, NULL);
    syscall(SYS_ioprio_get, 1, 0);
    return 0;
}
