// epoll and eventfd.
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    syscall(SYS_epoll_create, 5);
    epoll_create1(77);
    int counter = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    int other = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    syscall(SYS_eventfd, 7);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x1122334455667788};
    epoll_ctl(set, EPOLL_CTL_ADD, counter, &event);
    epoll_ctl(set, EPOLL_CTL_ADD, counter, &event);
    event = (struct epoll_event){.events = EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT, .data.u64 = other};
    epoll_ctl(set, EPOLL_CTL_ADD, other, &event);
    event.events = EPOLLOUT;
    epoll_ctl(set, EPOLL_CTL_MOD, other, &event);
    epoll_ctl(set, EPOLL_CTL_DEL, 99, NULL);
    struct epoll_event ready[4];
    epoll_wait(set, ready, 4, -1);
    epoll_wait(set, ready, 1, 10);
    uint64_t value = 40;
    write(counter, &value, sizeof value);
    read(counter, &value, sizeof value);
    read(counter, &value, sizeof value);
    epoll_ctl(set, EPOLL_CTL_DEL, other, NULL);
    epoll_wait(set, ready, 4, 2);
    epoll_wait(set, ready, 0, 0);
    sigset_t mask;
    sigfillset(&mask);
    epoll_pwait(set, ready, 4, 1, &mask);
    epoll_wait(counter, ready, 4, 0);
    return 0;
}
