// Waits for two files, by themselves and together, with poll and select, and gives one another descriptor.
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <unistd.h>
int main(void) {
    int null = open("/dev/null", O_RDONLY), zero = open("/dev/zero", O_RDONLY);
    struct pollfd both[2] = {{null, POLLIN}, {zero, POLLIN}};
    poll(both, 2, 0);
    poll(both + 1, 1, 0);
    // One of many, behind those that are shown.
    struct pollfd many[200];
    for (int i = 0; i < 200; i++) many[i] = (struct pollfd){i < 150 ? -1 : null, POLLIN};
    poll(many, 200, 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(null, &set);
    select(zero + 1, &set, NULL, NULL, NULL);
    FD_ZERO(&set);
    FD_SET(zero, &set);
    struct timeval time = {0, 1};
    select(zero + 1, NULL, &set, NULL, &time);
    dup2(null, 9);
    close(9);
    return 0;
}
