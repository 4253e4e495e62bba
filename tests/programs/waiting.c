// Signals taken by sigtimedwait and signalfd, with their values, in order.
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t self = getpid();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 10; i++) sigqueue(self, SIGRTMIN, (union sigval){.sival_int = i});
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct timespec minute = {60, 0};
    for (int i = 0; i < 5; i++) {
        siginfo_t info;
        int number = sigtimedwait(&set, &info, &minute);
        printf("waited %d value %d from child %d\n", number - SIGRTMIN, info.si_value.sival_int, info.si_pid == child);
    }
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC);
    for (int i = 0; i < 5; i++) {
        struct signalfd_siginfo info;
        read(descriptor, &info, sizeof info);
        printf("read %d value %d from child %d\n", info.ssi_signo - SIGRTMIN, info.ssi_int, info.ssi_pid == (unsigned)child);
    }
    kill(self, SIGUSR1);
    struct signalfd_siginfo info;
    read(descriptor, &info, sizeof info);
    printf("read %d from self %d code %d\n", info.ssi_signo, info.ssi_pid == (unsigned)self, info.ssi_code);
    return 0;
}
