// Signal dispositions, masks, sending and waiting.
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static void handler(int number) { (void)number; }
static void informed(int number, siginfo_t *info, void *context) { (void)number, (void)info, (void)context; }
int main(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGRTMIN + 1);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR1, NULL, &old);
    struct sigaction full = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESETHAND | SA_ONSTACK};
    sigaction(SIGUSR2, &full, &old);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    sigaction(SIGKILL, &action, NULL);
    kill(getpid(), SIGUSR1);
    kill(getpid(), 0);
    kill(getpid(), 99);
    syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
    syscall(SYS_tkill, getpid(), SIGUSR1);
    stack_t stack = {.ss_sp = (char[16384]){0}, .ss_size = 16384}, old_stack;
    sigaltstack(&stack, NULL);
    sigaltstack(NULL, &old_stack);
    raise(SIGUSR2);
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, &pending);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43});
    sigpending(&pending);
    siginfo_t info;
    sigwaitinfo(&set, &info);
    struct timespec wait = {0, 1000000};
    sigtimedwait(&set, &info, &wait);
    sigtimedwait(&set, NULL, &wait);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigdelset(&set, SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigsuspend(&set);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, &pending);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(77, &set, NULL);
    return 0;
}
