// Names that are hard to print, hard to reach, or not there at all.
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    char name[6000];
    access("new\nline", F_OK);
    access("quote\"inside", F_OK);
    access("back\\slash", F_OK);
    access("tab\tvertical\vform\freturn\r", F_OK);
    access("bell\a escape\033[31m delete\177", F_OK);
    access("octal then digit \0019 \1a \18", F_OK);
    access("not \xff\xfe utf-8 \xc3\x28", F_OK);
    access("utf-8 \xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80", F_OK);
    access("", F_OK);
    access("what? a /* comment */ and {braces}, [brackets], (round) <angles>", F_OK);
    access("ends with a comma,", F_OK);
    access("0123456789abcdef0123456789abcde", F_OK);
    access("0123456789abcdef0123456789abcdef", F_OK);
    access("0123456789abcdef0123456789abcdefg", F_OK);
    memset(name, 'n', sizeof name);
    name[255] = 0;
    close(open(name, O_CREAT | O_WRONLY, 0600));
    name[255] = 'n', name[256] = 0;
    access(name, F_OK);
    name[256] = 'n', name[4095] = 0;
    access(name, F_OK);
    name[4095] = 'n', name[4096] = 0;
    access(name, F_OK);
    for (int i = 0; i < 4000; i++) name[i] = i % 200 ? 'd' : '/';
    name[4000] = 0;
    access(name, F_OK);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    char *edge = pages + 4096 - 9;
    memcpy(edge, "atheedge", 9);
    access(edge, F_OK);
    pages[4095] = '!';
    access(edge, F_OK);
    pages[4095] = 0;
    access(pages + 4095, F_OK);
    access(pages + 4096, F_OK);
    write(1, edge, 9);
    write(1, edge, 20);
    access(NULL, F_OK);
    access((char *)1, F_OK);
    access((char *)-1, F_OK);
    access((char *)0xffff800000000000, F_OK);
    access((char *)0x7ffffffff000, F_OK);
    rename("", NULL);
    write(1, "zero\0inside\0\0\0", 14);
    write(1, "\0\0\0\0", 4);
    write(1, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16);
    return 0;
}
