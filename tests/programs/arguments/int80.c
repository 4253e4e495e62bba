// 32-bit calls from a 64-bit program: numbers and names of i386.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return result;
}
int main(void) {
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    strcpy(low, "named-by-int80");
    call(64, 0, 0, 0);
    call(20, 0, 0, 0);
    call(33, (long)low, 4, 0);
    call(5, (long)low, 0102, 0644);
    call(4, 3, (long)low, 5);
    call(19, 3, 1, 0);
    call(3, 3, (long)low + 100, 50);
    call(6, 3, 0, 0);
    call(10, (long)low, 0, 0);
    call(13, 0, 0, 0);
    getppid();
    return 0;
}
