// Waiting for several descriptors with poll and select.
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    int ends[2];
    pipe(ends);
    struct pollfd waits[3] = {{ends[0], POLLIN}, {ends[1], POLLOUT | POLLPRI}, {-1, POLLIN}};
    poll(waits, 1, 0);
    poll(waits, 1, 5);
    poll(waits, 3, 1000);
    write(ends[1], "x", 1);
    poll(waits, 2, -1);
    poll(NULL, 0, 1);
    poll((void *)8, 2, 0);
    struct pollfd bad = {99, POLLIN | POLLRDHUP};
    poll(&bad, 1, 0);
    struct timespec brief = {0, 3000000};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ppoll(waits, 1, &brief, &set);
    ppoll(waits, 0, &brief, NULL);
    ppoll(waits + 2, 1, &brief, NULL);
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(ends[0], &reads);
    FD_SET(ends[1], &writes);
    struct timeval moment = {0, 2000};
    syscall(SYS_select, 10, &reads, &writes, NULL, &moment);
    read(ends[0], &bad, 1);
    FD_SET(ends[0], &reads);
    moment = (struct timeval){0, 2000};
    syscall(SYS_select, 10, &reads, NULL, NULL, &moment);
    moment = (struct timeval){0, 0};
    syscall(SYS_select, 0, NULL, NULL, NULL, &moment);
    FD_SET(99, &reads);
    syscall(SYS_select, 100, &reads, NULL, NULL, &moment);
    FD_ZERO(&writes);
    FD_SET(ends[1], &writes);
    brief = (struct timespec){0, 1000};
    pselect(10, NULL, &writes, NULL, &brief, &set);
    pselect(0, NULL, NULL, NULL, &brief, NULL);
    return 0;
}
