// Counts 20 ticks of an interval timer while it makes system calls all the time. Without the ticks it never ends.
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
static volatile sig_atomic_t ticks;
static void tick(int number) { (void)number; ticks++; }
int main(void) {
    signal(SIGALRM, tick);
    struct itimerval timer = {{0, 10000}, {0, 10000}};
    setitimer(ITIMER_REAL, &timer, NULL);
    while (ticks < 20) syscall(SYS_getppid);
    timer = (struct itimerval){};
    setitimer(ITIMER_REAL, &timer, NULL);
    puts("20 ticks");
    return 0;
}
