// Threads, one at a time, and what each of them asks. Joined without a call that would not be made in every run.
#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static int gate[2];
static void *body(void *name) {
    char byte;
    // Until it is told, it does not end: the kernel then writes where clone3 has put its id.
    read(gate[0], &byte, 1);
    prctl(PR_SET_NAME, name);
    syscall(SYS_gettid);
    void *head;
    size_t length;
    syscall(SYS_get_robust_list, 0, &head, &length);
    return NULL;
}
int main(void) {
    char *names[] = {"alpha", "beta", "a name that is too long"};
    pipe(gate);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, body, names[i]);
        write(gate[1], "g", 1);
        while (pthread_tryjoin_np(thread, NULL) == EBUSY) {}
    }
    return 0;
}
