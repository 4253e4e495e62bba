// IPv4: TCP over loopback, UDP, options, a refused connection.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    int one = 1;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}}, got;
    socklen_t size = sizeof address;
    bind(server, (void *)&address, sizeof address);
    listen(server, 128);
    getsockname(server, (void *)&address, &size);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(client, IPPROTO_IP, IP_TOS, &one, sizeof one);
    connect(client, (void *)&address, sizeof address);
    size = sizeof got;
    int accepted = accept(server, (void *)&got, &size);
    size = sizeof got;
    getpeername(client, (void *)&got, &size);
    size = sizeof one;
    getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, &size);
    send(client, "GET / HTTP/1.0\r\n\r\n", 18, 0);
    recv(accepted, buffer, sizeof buffer, 0);
    sendto(accepted, "ok", 2, MSG_MORE | MSG_NOSIGNAL, NULL, 0);
    shutdown(accepted, SHUT_WR);
    recv(client, buffer, sizeof buffer, MSG_WAITALL);
    close(accepted);
    accept4(server, NULL, NULL, SOCK_NONBLOCK | 0x10);
    fcntl(server, F_SETFL, O_NONBLOCK);
    accept(server, NULL, NULL);
    struct sockaddr_in closed = {AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}};
    connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (void *)&closed, sizeof closed);
    connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&closed, sizeof closed);
    int udp = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    sendto(udp, "into nothing", 12, 0, (void *)&closed, sizeof closed);
    connect(udp, (void *)&(struct sockaddr){AF_UNSPEC}, sizeof(struct sockaddr));
    bind(udp, (void *)&closed, 3);
    socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    socket(AF_INET, 77, 0);
    socket(55, SOCK_STREAM, 0);
    return 0;
}
