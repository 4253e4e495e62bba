// 1,000 short-lived threads, 20 at a time; prints how many ran.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
static atomic_int ran;
static void *body(void *unused) {
    atomic_fetch_add(&ran, 1);
    return unused;
}
int main(void) {
    for (int i = 0; i < 50; i++) {
        pthread_t threads[20];
        for (int j = 0; j < 20; j++) pthread_create(&threads[j], NULL, body, NULL);
        for (int j = 0; j < 20; j++) pthread_join(threads[j], NULL);
    }
    printf("%d\n", ran);
    return 0;
}
