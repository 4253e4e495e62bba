// Descriptors that tell of timers, signals and changed files.
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
int main(void) {
    char buffer[512];
    uint64_t ticks;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    timerfd_create(99, 0);
    struct itimerspec once = {{0, 0}, {0, 2000000}}, old;
    timerfd_settime(timer, 0, &once, NULL);
    read(timer, &ticks, sizeof ticks);
    timerfd_gettime(timer, &old);
    struct itimerspec absolute = {{5, 7}, {4000000000, 0}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &absolute, &old);
    timerfd_settime(99, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &absolute, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    kill(getpid(), SIGUSR2);
    read(signals, buffer, 1);
    sigdelset(&set, SIGTERM);
    signalfd(signals, &set, 0);
    int watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int watch = inotify_add_watch(watcher, ".", IN_CREATE | IN_DELETE | IN_ONLYDIR);
    inotify_add_watch(watcher, "absent", IN_ALL_EVENTS);
    read(watcher, buffer, sizeof buffer);
    inotify_rm_watch(watcher, watch);
    inotify_rm_watch(watcher, 55);
    inotify_init();
    return 0;
}
