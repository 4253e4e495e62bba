// ioctl requests on pipes, sockets and a pseudo-terminal.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
int main(void) {
    int ends[2], count, on = 1;
    struct winsize size;
    struct termios attributes;
    pipe(ends);
    write(ends[1], "five!", 5);
    ioctl(ends[0], FIONREAD, &count);
    ioctl(ends[0], FIONBIO, &on);
    ioctl(ends[0], FIOCLEX);
    ioctl(ends[0], FIONCLEX);
    ioctl(ends[0], TCGETS, &attributes);
    ioctl(ends[0], TIOCGWINSZ, &size);
    ioctl(99, FIONREAD, &count);
    ioctl(ends[0], 0xdeadbeef, 5);
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    on = 0;
    ioctl(master, TIOCSPTLCK, &on);
    size = (struct winsize){24, 80, 0, 0};
    ioctl(master, TIOCSWINSZ, &size);
    ioctl(master, TIOCGWINSZ, &size);
    ioctl(master, TCGETS, &attributes);
    ioctl(master, TCSETS, &attributes);
    ioctl(master, TIOCGPGRP, &count);
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    ioctl(sock, FIONREAD, &count);
    return 0;
}
