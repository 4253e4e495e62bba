// Files: opened, read, written, mapped, linked, renamed, listed, and not found. All in the working directory.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void need(int condition) {
    if (!condition)
        _exit(22);
}

static void contents(void) {
    char buffer[64];
    int fd = open("a", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    need(fd >= 0);
    need(write(fd, "line \"one\"\n\tline two \1\377 and more than thirty-two bytes", 52) == 52);
    need(lseek(fd, 5, SEEK_SET) == 5 && read(fd, buffer, 10) == 10);
    need(lseek(fd, -2, SEEK_END) == 50 && lseek(fd, 0, SEEK_CUR) == 50);
    need(pread(fd, buffer, sizeof buffer, 50) == 2 && pwrite(fd, "zz", 2, 60) == 2);
    struct iovec pieces[2] = {{buffer, 3}, {buffer + 10, 4}};
    need(writev(fd, pieces, 2) == 7 && preadv(fd, pieces, 2, 1) == 7 && readv(fd, pieces, 2) >= 0);
    need(!ftruncate(fd, 100000) && !posix_fallocate(fd, 0, 4096) && !fsync(fd) && !fdatasync(fd));
    need(!posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) && !flock(fd, LOCK_EX | LOCK_NB) && !flock(fd, LOCK_UN));
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    need(map != MAP_FAILED);
    map[0] = 'm';
    need(!msync(map, 8192, MS_SYNC) && !mprotect(map, 4096, PROT_READ) && !madvise(map, 8192, MADV_DONTNEED));
    need(!munmap(map, 8192));
    int other = open("b", O_WRONLY | O_CREAT | O_EXCL, 0600);
    need(other >= 0 && lseek(fd, 0, SEEK_SET) == 0 && sendfile(other, fd, NULL, 16) == 16);
    int ready;
    need(!ioctl(fd, FIONREAD, &ready) && ready == 100000 - 16);
    close(other);
    close(fd);
}

static void descriptors(void) {
    int fd = open("a", O_RDONLY);
    int copy = dup(fd), third = dup3(fd, 20, O_CLOEXEC), fourth = fcntl(fd, F_DUPFD_CLOEXEC, 30);
    need(copy == fd + 1 && third == 20 && fourth == 30);
    need(fcntl(fd, F_GETFD) == 0 && !fcntl(fd, F_SETFD, FD_CLOEXEC) && fcntl(fd, F_GETFL) >= 0);
    need(!fcntl(fd, F_SETFL, O_NONBLOCK));
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 2};
    need(!fcntl(fd, F_SETLK, &lock));
    int ends[2];
    need(!pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    char byte;
    need(read(ends[0], &byte, 1) == -1 && errno == EAGAIN);
    close(ends[0]), close(ends[1]), close(fd), close(copy), close(third), close(fourth);
    need(close(fourth) == -1 && errno == EBADF);
}

static void names(void) {
    struct stat info;
    struct statx more;
    char text[64];
    need(!mkdir("d", 0755) && mkdir("d", 0755) == -1 && errno == EEXIST);
    need(!link("a", "d/hard") && !symlink("../a", "d/soft"));
    need(readlink("d/soft", text, sizeof text) == 4 && !rename("d/hard", "d/a rather long name of more than thirty-two bytes"));
    need(!stat("a", &info) && info.st_nlink == 2 && !lstat("d/soft", &info) && S_ISLNK(info.st_mode));
    need(stat("no/such/file", &info) == -1 && errno == ENOENT && stat("a/b", &info) == -1 && errno == ENOTDIR);
    need(!statx(AT_FDCWD, "a", AT_SYMLINK_NOFOLLOW, STATX_SIZE | STATX_MODE, &more));
    need(!access("a", R_OK | W_OK) && faccessat(AT_FDCWD, "no", F_OK, 0) == -1);
    need(!chmod("a", 0600) && umask(077) == 022 && umask(022) == 077);
    struct timespec times[2] = {{1000000000, 5}, {0, UTIME_OMIT}};
    need(!utimensat(AT_FDCWD, "a", times, 0));
    int odd = open("d/\303\244 \"\n\377", O_WRONLY | O_CREAT, 0600);
    need(odd >= 0 && !close(odd));
    int directory = open("d", O_RDONLY | O_DIRECTORY), inside = openat(directory, "soft", O_RDONLY | O_NOFOLLOW);
    need(directory >= 0 && inside == -1 && errno == ELOOP && !fstat(directory, &info));
    char entries[2048];
    need(syscall(SYS_getdents64, directory, entries, sizeof entries) > 0);
    need(syscall(SYS_getdents64, directory, entries, sizeof entries) == 0);
    need(!fchdir(directory) && getcwd(text, sizeof text) && !chdir(".."));
    need(!unlinkat(directory, "soft", 0) && !unlink("d/a rather long name of more than thirty-two bytes"));
    need(rmdir("d") == -1 && errno == ENOTEMPTY && !unlink("d/\303\244 \"\n\377") && !close(directory));
    need(!rmdir("d") && !unlink("a") && !unlink("b") && unlink("b") == -1);
}

int main(void) {
    umask(022);
    contents();
    descriptors();
    names();
    return 0;
}
