// The stat family on a file, a link, a fifo, a device, a descriptor and nothing.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    struct stat st;
    struct statx stx;
    char target[64];
    int file = open("file", O_RDWR | O_CREAT, 0644);
    write(file, "twelve bytes", 12);
    symlink("file", "link");
    mkfifo("fifo", 0600);
    stat("file", &st);
    lstat("link", &st);
    stat("link", &st);
    stat("fifo", &st);
    stat("/dev/null", &st);
    stat(".", &st);
    stat("missing", &st);
    fstat(file, &st);
    fstat(99, &st);
    syscall(SYS_stat, "file", &st);
    syscall(SYS_lstat, "link", &st);
    syscall(SYS_fstat, file, &st);
    fstatat(file, "", &st, AT_EMPTY_PATH);
    fstatat(AT_FDCWD, "link", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
    statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &stx);
    statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_SIZE, &stx);
    statx(file, "", AT_EMPTY_PATH, STATX_ALL, &stx);
    statx(AT_FDCWD, "missing", AT_STATX_FORCE_SYNC, 0, &stx);
    readlink("link", target, sizeof target);
    readlink("file", target, sizeof target);
    readlinkat(AT_FDCWD, "link", target, 2);
    mknod("node", S_IFREG | 0600, 0);
    mknodat(AT_FDCWD, "pipe", S_IFIFO | 0640, 0);
    mknod("zero", S_IFCHR | 0600, 0x105);
    stat("file", (struct stat *)8);
    return 0;
}
