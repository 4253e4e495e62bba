// Pipes, copies of descriptors, and what fcntl and flock do to them.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    int a[2], b[2];
    pipe(a);
    pipe2(b, O_CLOEXEC | O_NONBLOCK);
    pipe2(a, 0xffff);
    write(a[1], "hello\n", 6);
    read(a[0], buffer, sizeof buffer);
    read(b[0], buffer, sizeof buffer);
    write(b[1], "tab\tquote\"back\\slash", 20);
    read(b[0], buffer, 3);
    int copy = dup(a[0]);
    dup2(a[0], 20);
    dup2(a[0], a[0]);
    dup3(a[1], 21, O_CLOEXEC);
    dup3(a[1], a[1], 0);
    dup(77);
    fcntl(a[0], F_DUPFD, 30);
    fcntl(a[0], F_DUPFD_CLOEXEC, 30);
    fcntl(a[0], F_GETFD);
    fcntl(a[0], F_SETFD, FD_CLOEXEC);
    fcntl(a[0], F_GETFD);
    fcntl(a[1], F_GETFL);
    fcntl(b[0], F_GETFL);
    fcntl(a[0], F_SETFL, O_NONBLOCK | O_ASYNC);
    fcntl(a[0], F_SETFL, 0);
    fcntl(a[0], F_SETPIPE_SZ, 65536);
    fcntl(a[0], F_GETPIPE_SZ);
    fcntl(77, F_GETFD);
    fcntl(a[0], 12345, 1);
    int file = open("file", O_CREAT | O_RDWR, 0644);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
    fcntl(file, F_SETLK, &lock);
    fcntl(file, F_GETLK, &lock);
    lock.l_type = F_UNLCK;
    fcntl(file, F_SETLKW, &lock);
    struct flock open_lock = {.l_type = F_RDLCK, .l_whence = SEEK_END};
    fcntl(file, F_OFD_SETLK, &open_lock);
    fcntl(file, F_SETOWN, 0);
    fcntl(file, F_GETOWN);
    fcntl(file, F_SETSIG, 10);
    fcntl(file, F_SETLEASE, F_WRLCK);
    fcntl(file, F_GETLEASE);
    flock(file, LOCK_EX | LOCK_NB);
    flock(file, LOCK_SH);
    flock(file, LOCK_UN);
    flock(99, LOCK_SH);
    close(copy);
    return 0;
}
