// Modes, owners, times and lengths.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>
int main(void) {
    int file = open("file", O_CREAT | O_RDWR, 0644);
    symlink("file", "link");
    chmod("file", 04711);
    chmod("absent", 0);
    fchmod(file, 0600);
    fchmodat(AT_FDCWD, "file", 01777, 0);
    chown("file", 0, 0);
    chown("file", -1, -1);
    lchown("link", 0, -1);
    fchown(file, -1, 0);
    fchownat(AT_FDCWD, "link", 0, 0, AT_SYMLINK_NOFOLLOW);
    fchownat(file, "", 0, 0, AT_EMPTY_PATH);
    struct timespec fixed[2] = {{1000000000, 123456789}, {1500000000, 5}};
    struct timespec special[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    utimensat(AT_FDCWD, "file", fixed, 0);
    utimensat(AT_FDCWD, "link", special, AT_SYMLINK_NOFOLLOW);
    utimensat(AT_FDCWD, "file", NULL, 0);
    futimens(file, fixed);
    struct timeval coarse[2] = {{1000000000, 250000}, {1000000001, 0}};
    syscall(SYS_utimes, "file", coarse);
    syscall(SYS_utimes, "file", NULL);
    syscall(SYS_futimesat, AT_FDCWD, "file", coarse);
    struct utimbuf oldest = {1, 2};
    syscall(SYS_utime, "file", &oldest);
    truncate("file", 1000);
    truncate("file", -1);
    ftruncate(file, 5000000000);
    ftruncate(file, 0);
    umask(0);
    umask(077);
    umask(0777);
    return 0;
}
