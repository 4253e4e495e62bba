// Sockets: pairs, TCP, UDP and Unix sockets by name, with options, messages, a passed descriptor, poll and epoll.
// Ports are fixed and connections reset, so that each run is like the one before; the machine is ours alone.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void need(int condition) {
    if (!condition)
        _exit(22);
}

static void pairs(void) {
    int pair[2], passed;
    char buffer[16], control[CMSG_SPACE(sizeof(int))];
    need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    struct iovec piece = {"with a descriptor", 17};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    memset(control, 0, sizeof control);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &pair[0], sizeof(int));
    need(sendmsg(pair[0], &message, MSG_NOSIGNAL) == 17);
    struct iovec target = {buffer, sizeof buffer};
    struct msghdr answer = {.msg_iov = &target, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    need(recvmsg(pair[1], &answer, MSG_CMSG_CLOEXEC) == 16);
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&answer)), sizeof(int));
    need(recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT) == 1);
    need(recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT) == -1 && errno == EAGAIN);
    need(!shutdown(passed, SHUT_WR) && read(pair[1], buffer, sizeof buffer) == 0);
    close(passed), close(pair[0]), close(pair[1]);
}

static void tcp(int family, struct sockaddr *address, struct sockaddr *own, socklen_t length) {
    int one = 1, value;
    char buffer[16];
    struct linger reset = {1, 0};
    struct sockaddr_storage name;
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    need(listener >= 0 && !setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    need(!bind(listener, address, length) && !listen(listener, 5));
    int client = socket(family, SOCK_STREAM, 0);
    need(!setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    need(!setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) && !bind(client, own, length));
    need(!connect(client, address, length));
    socklen_t size = sizeof name;
    int server = accept4(listener, (struct sockaddr *)&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    need(server >= 0);
    size = sizeof name;
    need(!getsockname(server, (struct sockaddr *)&name, &size));
    size = sizeof name;
    need(!getpeername(client, (struct sockaddr *)&name, &size));
    size = sizeof value;
    need(!getsockopt(server, SOL_SOCKET, SO_ERROR, &value, &size) && value == 0);
    need(send(client, "ping", 4, 0) == 4);
    struct pollfd ready = {server, POLLIN, 0};
    need(poll(&ready, 1, -1) == 1 && recv(server, buffer, sizeof buffer, 0) == 4);
    need(send(server, "pong", 4, MSG_NOSIGNAL) == 4 && recv(client, buffer, 4, MSG_WAITALL) == 4);
    need(!setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
    close(client), close(server), close(listener);
}

static void udp(void) {
    struct sockaddr_in here = {AF_INET, htons(4001), {htonl(INADDR_LOOPBACK)}, {0}}, there = here, from;
    there.sin_port = htons(4002);
    char buffer[16];
    socklen_t size = sizeof from;
    int left = socket(AF_INET, SOCK_DGRAM, 0), right = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    need(!bind(left, (struct sockaddr *)&here, sizeof here) && !bind(right, (struct sockaddr *)&there, sizeof there));
    need(sendto(left, "datagram", 8, 0, (struct sockaddr *)&there, sizeof there) == 8);
    need(recvfrom(right, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size) == 8 && from.sin_port == here.sin_port);
    need(recvfrom(right, buffer, sizeof buffer, 0, NULL, NULL) == -1 && errno == EAGAIN);
    close(left), close(right);
}

static void by_name(const char *path, int length) {
    struct sockaddr_un name = {AF_UNIX, ""};
    memcpy(name.sun_path, path, length);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + length;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    need(connect(client, (struct sockaddr *)&name, size) == -1);
    need(!bind(listener, (struct sockaddr *)&name, size) && !listen(listener, 1));
    need(!connect(client, (struct sockaddr *)&name, size));
    int server = accept(listener, NULL, NULL);
    struct ucred peer;
    size = sizeof peer;
    need(server >= 0 && !getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    close(server), close(client), close(listener);
}

static void many(void) {
    int pair[2], queue = epoll_create1(EPOLL_CLOEXEC);
    need(queue >= 0 && !socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = 0x1122334455667788}, found[4];
    need(!epoll_ctl(queue, EPOLL_CTL_ADD, pair[0], &event) && epoll_wait(queue, found, 4, 0) == 0);
    need(send(pair[1], "x", 1, 0) == 1 && epoll_wait(queue, found, 4, -1) == 1);
    event.events = EPOLLOUT | EPOLLET;
    need(!epoll_ctl(queue, EPOLL_CTL_MOD, pair[0], &event) && !epoll_ctl(queue, EPOLL_CTL_DEL, pair[0], NULL));
    need(epoll_ctl(queue, EPOLL_CTL_DEL, pair[0], NULL) == -1 && errno == ENOENT);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    FD_SET(pair[1], &set);
    struct timeval moment = {0, 0};
    need(select(pair[1] + 1, &set, NULL, NULL, &moment) == 1);
    close(pair[0]), close(pair[1]), close(queue);
}

int main(void) {
    pairs();
    struct sockaddr_in four = {AF_INET, htons(4000), {htonl(INADDR_LOOPBACK)}, {0}}, own4 = four;
    own4.sin_port = htons(4003);
    tcp(AF_INET, (struct sockaddr *)&four, (struct sockaddr *)&own4, sizeof four);
    struct sockaddr_in6 six = {AF_INET6, htons(4004), 0, IN6ADDR_LOOPBACK_INIT, 0}, own6 = six;
    own6.sin6_port = htons(4005);
    tcp(AF_INET6, (struct sockaddr *)&six, (struct sockaddr *)&own6, sizeof six);
    udp();
    by_name("socket", 7);
    need(!unlink("socket"));
    by_name("\0abstract", 9);
    many();
    return 0;
}
