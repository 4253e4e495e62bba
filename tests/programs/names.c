// Names that are no text: bytes that are not UTF-8, line ends, quotes, 4 KiB. They stand in paths, arguments, links, sockets,
// extended attributes, the names of threads, of the program itself and of its folder.
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *const names[] = {
    "\xff\xfe\xfd",                          // never in UTF-8
    "caf\xe9",                               // Latin-1
    "cut \xe2\x82",                          // a character that is not whole
    "\xc0\xaf \xe0\x80\xaf",                 // longer than needed
    "\xed\xa0\x80\xed\xbf\xbf",              // halves of a UTF-16 pair
    "\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80", // beyond Unicode
    "\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90",  // no characters, yet valid
    "\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80",  // valid, of two, three and four bytes
    "line\nend\r\n", "\"quoted\" 'twice' `thrice`", "back\\slash \\n \\x41 \\u0041", "\x01\x02\t\x1b[31m\x7f",
    "{\"json\":[1,2]},", "%s%n%00 &lt;b&gt; <b>", " ", "\xe2\x80\xae right to left", "\xef\xbb\xbf mark",
};

static void *named_thread(void *name) {
    prctl(PR_SET_NAME, name);
    getppid();
    return NULL;
}

static void use(int folder, const char *name) {
    struct stat status;
    char target[4096];
    int file = openat(folder, name, O_CREAT | O_RDWR, 0600);
    write(file, name, strlen(name));
    fsetxattr(file, "user.\xff\n\"", name, strlen(name), 0);
    close(file);
    fstatat(folder, name, &status, 0);
    symlinkat(name, folder, "link");
    readlinkat(folder, "link", target, sizeof target);
    unlinkat(folder, "link", 0);
    renameat(folder, name, folder, "renamed \xff");
    unlinkat(folder, "renamed \xff", 0);
}

static void copy(const char *from, const char *to) {
    char buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0700);
    for (ssize_t length; (length = read(in, buffer, sizeof buffer)) > 0;) write(out, buffer, length);
    close(in), close(out);
}

int main(int count, char **arguments) {
    // The copy with a name of its own: it has said all that there is to say by being started.
    if (count > 1) return count;
    const char *folder_name = "folder \xff\n\"";
    mkdir(folder_name, 0700);
    chdir(folder_name);
    int folder = open(".", O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) use(folder, names[i]);

    char every[256];
    int length = 0;
    for (int byte = 1; byte < 256; byte++)
        if (byte != '/') every[length++] = byte;
    every[length] = 0;
    use(folder, every);

    static char deep[6000];
    memset(deep, 0xff, sizeof deep);
    for (int i = 0; i < 4095; i += 100) deep[i] = '/';
    deep[4095] = 0, open(deep, O_RDONLY);          // 4 KiB: the longest path there is
    deep[4095] = 0xff, open(deep, O_RDONLY);       // too long
    memset(deep, '.', sizeof deep);
    for (int i = 1; i < 4096; i += 2) deep[i] = '/';
    memcpy(deep + 4000, "caf\xe9", 5), open(deep, O_CREAT | O_WRONLY, 0600);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, names[0], 3);
    unlink(names[0]);
    bind(listener, (struct sockaddr *)&address, sizeof address), listen(listener, 1);
    connect(client, (struct sockaddr *)&address, sizeof address), sendto(client, names[1], 4, 0, NULL, 0);

    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, named_thread, (void *)names[i]);
        pthread_join(thread, NULL);
    }

    const char *program = "pro\xffgram\n\"";
    copy("/proc/self/exe", program);
    if (!fork()) execl(program, "\xff\xfe", every, deep, "\"\n", NULL);
    int status;
    wait(&status);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 4;
}
