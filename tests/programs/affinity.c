// Makes calls in quick succession, and looks in between at where it may run, in each way that there is. What it prints must not depend on
// whether somebody traces it.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static cpu_set_t first;
static int wrong;
static void burst(void) {
    for (int i = 0; i < 60; i++) syscall(SYS_getppid);
}
static void look(const char *where) {
    cpu_set_t now;
    sched_getaffinity(0, sizeof now, &now);
    if (!CPU_EQUAL(&now, &first)) wrong++, printf("%s: %d processors\n", where, CPU_COUNT(&now));
}
static int status_count(pid_t pid) {
    char path[64], line[256];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Cpus_allowed:", 13) == 0)
            for (char *c = line + 13; *c; c++) count += *c > '0' && *c <= '9' ? __builtin_popcount(*c - '0') : *c >= 'a' && *c <= 'f' ? __builtin_popcount(*c - 'a' + 10) : 0;
    }
    if (file) fclose(file);
    return count;
}
static void *thread(void *unused) {
    look("a thread");
    burst();
    look("a thread after calls");
    return unused;
}
int main(void) {
    sched_getaffinity(0, sizeof first, &first);
    burst();
    look("after calls");
    for (int i = 0; i < 20; i++) {
        burst();
        pid_t child = i % 2 ? fork() : vfork();
        if (child == 0) {
            if (i % 2) {
                look("a child");
                burst();
                look("a child after calls");
                _exit(wrong);
            }
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        wrong += WEXITSTATUS(status);
        look("after a child");
    }
    burst();
    pthread_t other;
    pthread_create(&other, NULL, thread, NULL);
    burst();
    pthread_join(other, NULL);
    burst();
    look("after a thread");
    // Another process looks at this one while it makes calls, and a program asks for itself.
    burst();
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        burst();
        cpu_set_t its;
        sched_getaffinity(parent, sizeof its, &its);
        _exit(!CPU_EQUAL(&its, &first));
    }
    int status;
    waitpid(child, &status, 0);
    wrong += WEXITSTATUS(status);
    // What it asks for holds.
    int last = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &first)) last = i;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    burst();
    sched_setaffinity(0, sizeof one, &one);
    burst();
    cpu_set_t now;
    sched_getaffinity(0, sizeof now, &now);
    if (!CPU_EQUAL(&now, &one)) wrong++, printf("what it asked for is %d processors\n", CPU_COUNT(&now));
    burst();
    sched_setaffinity(0, sizeof first, &first);
    burst();
    if (status_count(getpid()) != CPU_COUNT(&first)) wrong++, printf("its status says %d\n", status_count(getpid()));
    burst();
    look("at the end");
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
