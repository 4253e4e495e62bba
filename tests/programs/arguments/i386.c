// A whole i386 program, without a C library. Built with -m32 -nostdlib -static.
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}
static long call5(long number, const long *p) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(p[0]), "c"(p[1]), "d"(p[2]), "S"(p[3]), "D"(p[4]) : "memory");
    return result;
}
static char buffer[256];
static long when[2] = {0, 1000000}, whole[4], sockets[2];
static struct { void *base; unsigned long length; } pieces[2] = {{"one,", 4}, {"two", 3}};
static struct { long type, whence; long start, length, pid; } lock = {1, 0, 0, 5, 0};
void _start(void) {
    call(64, 0, 0, 0);
    call(24, 0, 0, 0);
    call(199, 0, 0, 0);
    call(5, (long)"file", 0102 | 01000, 0644);
    call(4, 3, (long)"written by i386\n", 16);
    call(146, 3, (long)pieces, 2);
    call(19, 3, 0, 0);
    call(3, 3, (long)buffer, sizeof buffer);
    call(197, 3, (long)buffer, 0);
    call(195, (long)"file", (long)buffer, 0);
    call(195, (long)"absent", (long)buffer, 0);
    call(106, (long)"file", (long)buffer, 0);
    call5(140, (long[]){3, 0, 7, (long)whole, 0});
    call(221, 3, 1, 0);
    call(42, (long)sockets, 0, 0);
    call(162, (long)when, 0, 0);
    call(265, 1, (long)when, 0);
    call(174, 10, 0, 0);
    call5(192, (long[]){0, 4096, 3, 0x22, -1});
    call(122, (long)buffer, 0, 0);
    call5(359, (long[]){2, 1, 0, 0, 0});
    call(6, 3, 0, 0);
    call(6, 77, 0, 0);
    call(252, 9, 0, 0);
    for (;;) {}
}
