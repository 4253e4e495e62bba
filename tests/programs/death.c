// Dies in the way that its argument names.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    (void)argc;
    if (!strcmp(argv[1], "segv")) *(volatile int *)8 = 1;
    if (!strcmp(argv[1], "abort")) abort();
    if (!strcmp(argv[1], "kill")) kill(getpid(), SIGKILL);
    if (!strcmp(argv[1], "term")) raise(SIGTERM);
    return atoi(argv[1]);
}
