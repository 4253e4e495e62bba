// Programs that are run, or cannot be.
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void run(const char *path, char *const argv[], char *const envp[]) {
    if (fork() == 0) {
        execve(path, argv, envp);
        _exit(1);
    }
    wait(NULL);
}
int main(void) {
    char *few[] = {"true", "an argument", "\"quoted\"", NULL}, *none[] = {NULL}, *env[] = {"A=1", "B=2", NULL};
    char *many[41], *huge[] = {"true", NULL, NULL};
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    huge[1] = text;
    for (int i = 0; i < 40; i++) many[i] = "true";
    many[40] = NULL;
    run("/bin/true", few, env);
    run("/bin/true", few, none);
    run("/bin/true", many, env);
    run("/bin/true", huge, NULL);
    run("./absent", few, env);
    run("/", few, env);
    run("/bin/true", NULL, NULL);
    run("/bin/true", (char **)8, env);
    close(open("script", O_CREAT | O_WRONLY, 0755));
    run("./script", few, env);
    int program = open("/bin/true", O_PATH);
    if (fork() == 0) {
        syscall(SYS_execveat, program, "", few, env, AT_EMPTY_PATH);
        _exit(1);
    }
    wait(NULL);
    syscall(SYS_execveat, AT_FDCWD, "absent", few, none, AT_SYMLINK_NOFOLLOW);
    if (vfork() == 0) {
        execve("/bin/true", few, env);
        _exit(1);
    }
    wait(NULL);
    return 0;
}
