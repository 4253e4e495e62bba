// Futex operations that need no second thread.
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    static uint32_t word = 5, other = 0;
    struct timespec brief = {0, 1000000}, past = {1, 2};
    syscall(SYS_futex, &word, FUTEX_WAIT, 5, &brief);
    syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 4, NULL);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
    syscall(SYS_futex, &word, FUTEX_WAKE, 0x7fffffff);
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &past, NULL, FUTEX_BITSET_MATCH_ANY);
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &past, NULL, 0xff);
    syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 3, NULL, NULL, 0xf0);
    syscall(SYS_futex, &word, FUTEX_REQUEUE_PRIVATE, 1, 2L, &other, 0);
    syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2L, &other, 9);
    syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1L, &other, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0));
    syscall(SYS_futex, &word, FUTEX_FD, 0);
    syscall(SYS_futex, &word, 99, 0);
    syscall(SYS_futex, 8, FUTEX_WAKE, 1);
    uint32_t lock = 0;
    syscall(SYS_futex, &lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL);
    syscall(SYS_futex, &lock, FUTEX_UNLOCK_PI_PRIVATE);
    return 0;
}
