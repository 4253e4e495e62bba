// Calls on file systems and whole files.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
int main(void) {
    struct statfs fs;
    statfs("/proc", &fs);
    statfs("absent", &fs);
    int a = open("a", O_CREAT | O_RDWR, 0644), b = open("b", O_CREAT | O_RDWR, 0644), proc = open("/proc/self", O_RDONLY);
    fstatfs(proc, &fs);
    fallocate(a, 0, 0, 8192);
    fallocate(a, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 4096, 4096);
    fallocate(a, FALLOC_FL_KEEP_SIZE, 0, 0);
    posix_fadvise(a, 0, 4096, POSIX_FADV_SEQUENTIAL);
    posix_fadvise(a, 0, 0, POSIX_FADV_DONTNEED);
    readahead(a, 0, 4096);
    fsync(a);
    fdatasync(a);
    syncfs(a);
    sync_file_range(a, 0, 4096, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    write(a, "some content to be copied", 25);
    loff_t from = 5, to = 100;
    copy_file_range(a, &from, b, &to, 10, 0);
    copy_file_range(a, NULL, b, NULL, 10, 0);
    off_t at = 2;
    sendfile(b, a, &at, 6);
    sendfile(b, a, NULL, 6);
    sendfile(b, 99, NULL, 6);
    int first[2], second[2];
    pipe(first), pipe(second);
    from = 0;
    splice(a, &from, first[1], NULL, 12, SPLICE_F_MOVE);
    tee(first[0], second[1], 12, SPLICE_F_NONBLOCK);
    splice(first[0], NULL, b, NULL, 12, SPLICE_F_MOVE | SPLICE_F_MORE);
    struct iovec piece = {"given", 5};
    vmsplice(first[1], &piece, 1, SPLICE_F_GIFT);
    mount("none", "absent", "tmpfs", 0, NULL);
    umount2("absent", 1);
    return 0;
}
