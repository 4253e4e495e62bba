// Extended attributes.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    int file = open("file", O_CREAT | O_RDWR, 0644);
    setxattr("file", "user.colour", "green", 5, 0);
    setxattr("file", "user.colour", "blue", 4, XATTR_CREATE);
    setxattr("file", "user.shape", "round", 5, XATTR_REPLACE);
    lsetxattr("file", "user.bytes", "a\0\377\n", 4, 0);
    fsetxattr(file, "user.size", "", 0, 0);
    getxattr("file", "user.colour", buffer, sizeof buffer);
    getxattr("file", "user.colour", NULL, 0);
    getxattr("file", "user.colour", buffer, 1);
    lgetxattr("file", "user.bytes", buffer, sizeof buffer);
    fgetxattr(file, "user.none", buffer, sizeof buffer);
    listxattr("file", buffer, sizeof buffer);
    flistxattr(file, NULL, 0);
    llistxattr("absent", buffer, sizeof buffer);
    removexattr("file", "user.colour");
    lremovexattr("file", "user.colour");
    fremovexattr(file, "user.size");
    return 0;
}
