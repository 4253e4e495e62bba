/* Makes many calls in a short time, opens a file in between, says so, and reads the file once it is told to go on. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words)
{
    char bytes[16];
    int calls = atoi(words[2]);
    int file = open("/dev/null", O_RDONLY);
    for (int call = 0; call < calls; call++)
        syscall(SYS_getppid);
    close(file);
    if (chdir(words[1]) != 0 || open("opened meanwhile", O_RDONLY) != file)
        return 1;
    for (int call = 0; call < calls / 8; call++)
        syscall(SYS_getppid);
    if (write(1, "flooded\n", 8) != 8 || read(0, bytes, 1) != 1)
        return 2;
    /* By now there is room again. */
    usleep(300000);
    if (pread(file, bytes, 4, 0) != 4 || open("relative", O_RDONLY) >= 0)
        return 3;
    return 0;
}
