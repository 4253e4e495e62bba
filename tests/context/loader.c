/* Loads the library that it is told, late, waits for a line if it is told anything more, and lets three threads work in it; one of them is there before. */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

static void (*work)(unsigned);
static sem_t loaded;

static void *early(void *unused) {
    sem_wait(&loaded);
    work(1);
    return NULL;
}

static void *late(void *unused) {
    work(2);
    return NULL;
}

int main(int count, char **arguments) {
    pthread_t threads[2];
    sem_init(&loaded, 0, 0);
    pthread_create(&threads[0], NULL, early, NULL);
    fclose(fopen("/dev/null", "r"));
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    work = dlsym(library, "work");
    if (!work)
        return 2;
    if (count > 2) {
        /* To be traced from here on. */
        puts("ready");
        fflush(stdout);
        getchar();
    }
    sem_post(&loaded);
    pthread_create(&threads[1], NULL, late, NULL);
    work(0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
