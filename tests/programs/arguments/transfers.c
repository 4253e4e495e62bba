// Reads and writes in all their forms, and seeks.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
int main(void) {
    char one[8], two[40];
    int file = open("file", O_CREAT | O_RDWR | O_TRUNC, 0644);
    struct iovec out[3] = {{"first,", 6}, {"", 0}, {"a second piece that is longer than what is shown\n", 49}};
    struct iovec in[2] = {{one, sizeof one}, {two, sizeof two}};
    write(file, "0123456789abcdef0123456789abcdef", 32);
    write(file, "0123456789abcdef0123456789abcdefg", 33);
    write(file, "", 0);
    write(file, NULL, 3);
    writev(file, out, 3);
    writev(file, NULL, 0);
    writev(file, NULL, 2);
    pwrite(file, "at four", 7, 4);
    pwritev(file, out, 2, 1000);
    pwritev2(file, out, 1, -1, RWF_APPEND | RWF_DSYNC);
    lseek(file, 0, SEEK_SET);
    lseek(file, 10, SEEK_CUR);
    lseek(file, -3, SEEK_END);
    lseek(file, 0, SEEK_DATA);
    lseek(file, 0, SEEK_HOLE);
    lseek(file, -1, SEEK_SET);
    lseek(file, 0, 9);
    lseek(file, 5, SEEK_SET);
    read(file, two, sizeof two);
    read(file, two, 0);
    readv(file, in, 2);
    pread(file, one, sizeof one, 2);
    pread(file, one, sizeof one, 100000);
    preadv(file, in, 2, 3);
    preadv2(file, in, 1, 0, RWF_NOWAIT);
    read(file, (void *)8, 4);
    read(99, one, 4);
    read(0, one, 4);
    syscall(SYS_process_vm_readv, getpid(), in, 1, out, 1, 0);
    return 0;
}
