// Making, entering, listing and removing folders.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    char buffer[4096];
    mkdir("one", 0755);
    mkdir("one", 0700);
    mkdir("absent/two", 01777);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    mkdirat(here, "three", 0711);
    mkdirat(AT_FDCWD, "four", 0);
    int one = open("one", O_RDONLY | O_DIRECTORY);
    syscall(SYS_getdents64, one, buffer, sizeof buffer);
    syscall(SYS_getdents64, one, buffer, sizeof buffer);
    syscall(SYS_getdents64, one, buffer, 1);
    syscall(SYS_getdents, here, buffer, 8);
    chdir("one");
    chdir("nowhere");
    chdir("");
    syscall(SYS_getcwd, buffer, sizeof buffer);
    syscall(SYS_getcwd, buffer, 2);
    fchdir(here);
    fchdir(-100);
    chroot("absent");
    rmdir("one");
    rmdir("one");
    unlinkat(here, "three", AT_REMOVEDIR);
    unlinkat(here, "four", 0);
    syscall(SYS_getcwd, buffer, sizeof buffer);
    return 0;
}
