// IPv6, netlink and packet sockets.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    int one = 1;
    int udp = socket(AF_INET6, SOCK_DGRAM, 0);
    setsockopt(udp, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, got;
    bind(udp, (void *)&address, sizeof address);
    socklen_t size = sizeof address;
    getsockname(udp, (void *)&address, &size);
    sendto(udp, "datagram", 8, 0, (void *)&address, sizeof address);
    size = sizeof got;
    recvfrom(udp, buffer, sizeof buffer, 0, (void *)&got, &size);
    struct sockaddr_in6 scoped = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_flowinfo = htonl(5), .sin6_scope_id = 1};
    inet_pton(AF_INET6, "fe80::1:2", &scoped.sin6_addr);
    bind(udp, (void *)&scoped, sizeof scoped);
    inet_pton(AF_INET6, "::ffff:10.0.0.1", &scoped.sin6_addr);
    bind(udp, (void *)&scoped, sizeof scoped);
    int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl link = {.nl_family = AF_NETLINK, .nl_groups = 1};
    bind(route, (void *)&link, sizeof link);
    socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
    int packet = socket(AF_PACKET, SOCK_DGRAM, 0);
    struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = 1};
    bind(packet, (void *)&device, sizeof device);
    return 0;
}
