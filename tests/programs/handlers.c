// Reads that signals interrupt, with and without SA_RESTART; prints what the program saw.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
static int ends[2];
static volatile sig_atomic_t handled;
static void count(int number) { (void)number; handled++; }
static void feed(int number) { (void)number; handled++; write(ends[1], "f", 1); }
static void arm(void) {
    struct itimerval timer = {.it_value.tv_usec = 50000};
    setitimer(ITIMER_REAL, &timer, NULL);
}
int main(void) {
    char byte;
    pipe(ends);
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGALRM, &action, NULL);
    arm();
    ssize_t got = read(ends[0], &byte, 1);
    printf("plain: %zd %d handled %d\n", got, errno == EINTR, (int)handled);
    action = (struct sigaction){.sa_handler = feed, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    arm();
    got = read(ends[0], &byte, 1);
    printf("restarted: %zd %c handled %d\n", got, byte, (int)handled);
    for (int i = 0; i < 100; i++) raise(SIGALRM);
    printf("raised: handled %d\n", (int)handled);
    return 0;
}
