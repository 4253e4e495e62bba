// Ways to open, create and close a file, and ways in which that fails.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    umask(022);
    int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);
    close(file);
    close(open("file", O_RDONLY));
    close(open("file", O_WRONLY | O_APPEND | O_CLOEXEC));
    close(open("file", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
    close(open("file", O_RDWR | O_SYNC | O_NOATIME));
    close(open("file", O_RDWR | O_DSYNC | O_DIRECT));
    close(open("file", O_PATH));
    open("file", O_CREAT | O_EXCL | O_WRONLY, 04755);
    open("missing", O_RDONLY);
    open("missing/below", O_RDONLY | O_DIRECTORY);
    open("file/below", O_RDONLY);
    open("", O_RDONLY);
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(openat(folder, "file", O_RDONLY));
    close(openat(folder, "made", O_CREAT | O_WRONLY, 0777));
    openat(folder, "absent", O_RDWR | O_LARGEFILE);
    openat(99, "file", O_RDONLY);
    close(openat(99, "/etc/passwd", O_RDONLY));
    close(open(".", O_TMPFILE | O_RDWR, 0600));
    close(creat("created", 0604));
    access("file", R_OK | W_OK);
    access("file", X_OK);
    access("absent", F_OK);
    faccessat(folder, "file", R_OK, 0);
    faccessat(AT_FDCWD, "file", R_OK | X_OK, AT_EACCESS);
    close(folder);
    close(folder);
    close(-1);
    return 0;
}
