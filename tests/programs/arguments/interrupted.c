// Calls that a signal interrupts: restarted by the kernel, or failing with EINTR.
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static int writing;
static void handler(int number) {
    (void)number;
    if (writing) write(writing, "!", 1);
}
static void alarm_in(int microseconds) {
    struct itimerval timer = {.it_value.tv_usec = microseconds};
    setitimer(ITIMER_REAL, &timer, NULL);
}
int main(void) {
    char byte;
    int ends[2];
    pipe(ends);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    alarm_in(100000);
    read(ends[0], &byte, 1);
    alarm_in(100000);
    struct timespec hour = {3600, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);
    alarm_in(100000);
    poll(NULL, 0, 3600000);
    alarm_in(100000);
    pause();
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    writing = ends[1];
    alarm_in(100000);
    read(ends[0], &byte, 1);
    return 0;
}
