// Interval timers of both kinds.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    struct itimerval long_time = {{3600, 5}, {7200, 0}}, old_value;
    setitimer(ITIMER_REAL, &long_time, NULL);
    getitimer(ITIMER_VIRTUAL, &old_value);
    struct itimerval none = {};
    setitimer(ITIMER_PROF, &long_time, &old_value);
    setitimer(ITIMER_REAL, &none, NULL);
    setitimer(9, &none, NULL);
    alarm(100);
    alarm(0);
    int id = -1;
    struct sigevent silent = {.sigev_notify = SIGEV_NONE}, by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &id);
    int second;
    syscall(SYS_timer_create, CLOCK_REALTIME, &by_signal, &second);
    syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &second);
    syscall(SYS_timer_create, 99, &silent, &second);
    struct itimerspec far = {{0, 0}, {4000000000, 0}}, was;
    syscall(SYS_timer_settime, id, TIMER_ABSTIME, &far, NULL);
    syscall(SYS_timer_settime, id, 0, &(struct itimerspec){}, NULL);
    syscall(SYS_timer_gettime, id, &was);
    syscall(SYS_timer_getoverrun, id);
    syscall(SYS_timer_delete, id);
    syscall(SYS_timer_delete, 77);
    return 0;
}
