// Names that are linked, renamed and removed.
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    close(open("a", O_CREAT | O_WRONLY, 0644));
    int here = open(".", O_RDONLY | O_DIRECTORY);
    link("a", "b");
    link("a", "b");
    linkat(here, "a", AT_FDCWD, "c", 0);
    linkat(AT_FDCWD, "a", here, "d", AT_SYMLINK_FOLLOW);
    symlink("a", "to-a");
    symlinkat("../nowhere", here, "dangling");
    rename("b", "e");
    rename("b", "f");
    renameat(here, "e", here, "f");
    syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "d", 1);
    syscall(SYS_renameat2, here, "c", here, "d", 2);
    syscall(SYS_renameat2, here, "absent", here, "d", 0);
    unlink("a");
    unlink("a");
    unlinkat(here, "to-a", 0);
    unlink(".");
    return 0;
}
