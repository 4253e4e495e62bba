// Clocks and sleeps, called past the vDSO.
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    struct timespec now, left;
    struct timeval day;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
    syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &now);
    syscall(SYS_clock_gettime, 77, &now);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8);
    syscall(SYS_clock_getres, CLOCK_MONOTONIC_RAW, &now);
    syscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, NULL);
    syscall(SYS_gettimeofday, &day, NULL);
    syscall(SYS_time, NULL);
    struct timespec brief = {0, 1000000}, wrong = {0, 1000000000}, past = {1, 0};
    syscall(SYS_nanosleep, &brief, NULL);
    syscall(SYS_nanosleep, &brief, &left);
    syscall(SYS_nanosleep, &wrong, NULL);
    syscall(SYS_nanosleep, NULL, NULL);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &brief, &left);
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL);
    syscall(SYS_times, NULL);
    return 0;
}
