// Unix sockets: pairs, paths, abstract names, options.
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
    send(pair[0], "packet", 6, MSG_NOSIGNAL);
    recv(pair[1], buffer, sizeof buffer, MSG_PEEK | MSG_DONTWAIT);
    recv(pair[1], buffer, sizeof buffer, 0);
    recv(pair[1], buffer, sizeof buffer, MSG_DONTWAIT);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un named = {AF_UNIX, "socket"}, abstract = {AF_UNIX, "\0abstract name"}, got;
    socklen_t size = sizeof got;
    connect(client, (void *)&named, sizeof named);
    bind(server, (void *)&named, sizeof named);
    bind(server, (void *)&named, sizeof named);
    listen(server, 5);
    connect(client, (void *)&named, sizeof named);
    int accepted = accept4(server, (void *)&got, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    size = sizeof got;
    getsockname(server, (void *)&got, &size);
    size = sizeof got;
    getpeername(client, (void *)&got, &size);
    size = sizeof got;
    getpeername(accepted, (void *)&got, &size);
    getpeername(server, (void *)&got, &size);
    int quiet = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind(quiet, (void *)&abstract, offsetof(struct sockaddr_un, sun_path) + 14);
    sendto(quiet, "to self", 7, 0, (void *)&abstract, offsetof(struct sockaddr_un, sun_path) + 14);
    size = sizeof got;
    recvfrom(quiet, buffer, sizeof buffer, 0, (void *)&got, &size);
    recvfrom(quiet, buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL);
    int value = 1;
    size = sizeof value;
    setsockopt(server, SOL_SOCKET, SO_PASSCRED, &value, sizeof value);
    setsockopt(server, SOL_SOCKET, SO_RCVBUF, &value, sizeof value);
    getsockopt(server, SOL_SOCKET, SO_TYPE, &value, &size);
    getsockopt(server, SOL_SOCKET, SO_ERROR, &value, &size);
    struct linger linger = {1, 7};
    setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    struct timeval wait = {2, 500};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, NULL, 4);
    shutdown(client, SHUT_WR);
    shutdown(client, SHUT_RDWR);
    shutdown(quiet, SHUT_RD);
    shutdown(99, 7);
    return 0;
}
