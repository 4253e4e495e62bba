// sendmsg and its relatives, with descriptors and credentials as ancillary data.
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
int main(void) {
    int pair[2], one = 1;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    struct iovec pieces[2] = {{"head", 4}, {"tail of it", 10}};
    union { char bytes[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr align; } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(rights), (int[]){0, 1}, 2 * sizeof(int));
    sendmsg(pair[0], &message, MSG_NOSIGNAL);
    char head[4], tail[64], space[256];
    struct iovec room[2] = {{head, 4}, {tail, 64}};
    struct msghdr answer = {.msg_iov = room, .msg_iovlen = 2, .msg_control = space, .msg_controllen = sizeof space};
    recvmsg(pair[1], &answer, MSG_CMSG_CLOEXEC);
    recvmsg(pair[1], &answer, MSG_DONTWAIT);
    struct msghdr plain = {.msg_iov = pieces, .msg_iovlen = 1};
    sendmsg(pair[0], &plain, 0);
    struct msghdr narrow = {.msg_iov = room, .msg_iovlen = 1};
    head[0] = 0;
    room[0].iov_len = 2;
    recvmsg(pair[1], &narrow, 0);
    struct mmsghdr several[2] = {{.msg_hdr = plain}, {.msg_hdr = {.msg_iov = pieces, .msg_iovlen = 2}}};
    sendmmsg(pair[0], several, 2, 0);
    room[0].iov_len = 4;
    struct iovec more[1] = {{tail, 64}};
    struct mmsghdr taken[2] = {{.msg_hdr = {.msg_iov = room, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = more, .msg_iovlen = 1}}};
    recvmmsg(pair[1], taken, 2, MSG_DONTWAIT, NULL);
    sendmsg(pair[0], NULL, 0);
    sendmsg(99, &plain, 0);
    return 0;
}
