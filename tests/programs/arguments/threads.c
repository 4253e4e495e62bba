// Threads, one at a time, and what each of them asks. Joined without a call that would not be made in every run.
#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *body(void *name) {
    prctl(PR_SET_NAME, name);
    syscall(SYS_gettid);
    void *head;
    size_t length;
    syscall(SYS_get_robust_list, 0, &head, &length);
    return NULL;
}
int main(void) {
    char *names[] = {"alpha", "beta", "a name that is too long"};
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, body, names[i]);
        while (pthread_tryjoin_np(thread, NULL) == EBUSY) {}
    }
    return 0;
}
