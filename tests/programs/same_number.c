// Opens files, whose contents are their names, under the same descriptor numbers again and again, in several threads and in two
// folders, and reads them; with a child now and then. Ends with 24 if each read gave what it should. Usage: same_number FOLDER SECONDS THREADS
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static const char *folder;
static double until;
static int wrong;
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void look(const char *path, const char *content) {
    char found[64] = "";
    int file = open(path, O_RDONLY);
    int copy = dup(file);
    if (read(file, found, sizeof found - 1) <= 0 || strcmp(found, content) != 0) wrong = 1;
    close(file);
    if (pread(copy, found, sizeof found - 1, 0) <= 0 || strcmp(found, content) != 0) wrong = 1;
    close(copy);
}
static void *body(void *argument) {
    unsigned seed = (long)argument;
    while (now() < until) {
        char path[256], content[64];
        snprintf(content, sizeof content, "%s%d", rand_r(&seed) % 2 ? "a/" : "b/", rand_r(&seed) % 8);
        snprintf(path, sizeof path, "%s/%s", folder, content);
        look(path, content);
        if (seed % 100 == 0) {
            // With a descriptor that the parent opened, perhaps unseen.
            int file = open(path, O_RDONLY);
            char found[64] = "";
            pid_t child = fork();
            if (child == 0) {
                _exit(read(file, found, sizeof found - 1) > 0 && strcmp(found, content) == 0 ? 0 : 1);
            }
            int status = 1;
            waitpid(child, &status, 0);
            if (status != 0) wrong = 1;
            close(file);
        }
    }
    return NULL;
}
// Relative names, in the first thread only, whose folder changes all the time.
static void wander(void) {
    unsigned seed = 7;
    while (now() < until) {
        const char *place = rand_r(&seed) % 2 ? "a" : "b";
        char path[256], name[8], content[64];
        snprintf(path, sizeof path, "%s/%s", folder, place);
        snprintf(name, sizeof name, "%d", rand_r(&seed) % 8);
        snprintf(content, sizeof content, "%s/%s", place, name);
        chdir(path);
        look(name, content);
    }
}
int main(int argc, char **argv) {
    folder = argv[1];
    until = now() + atof(argv[2]);
    long count = atol(argv[3]);
    pthread_t threads[16];
    for (long i = 0; i < count; i++) pthread_create(&threads[i], NULL, body, (void *)(i + 1));
    wander();
    for (long i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return wrong ? 1 : 24;
}
