// Mappings: made, protected, moved, advised, locked, synced.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    int file = open("file", O_CREAT | O_RDWR, 0644);
    ftruncate(file, 16384);
    char *shared = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 8192);
    char *anonymous = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_GROWSDOWN, -1, 0);
    mmap(anonymous, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap(anonymous, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE | MAP_LOCKED, file, 0);
    mmap(NULL, 0, PROT_READ, MAP_PRIVATE, file, 0);
    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 4096);
    mprotect(anonymous, 4096, PROT_READ | PROT_EXEC);
    mprotect(anonymous, 8192, PROT_NONE);
    mprotect((void *)1, 4096, PROT_READ);
    char *moved = mremap(shared, 16384, 32768, MREMAP_MAYMOVE);
    mremap(moved, 32768, 8192, 0);
    madvise(moved, 8192, MADV_DONTNEED);
    madvise(moved, 8192, MADV_WILLNEED);
    madvise(anonymous, 65536, MADV_HUGEPAGE);
    madvise(anonymous, 65536, MADV_DONTFORK);
    msync(moved, 8192, MS_SYNC);
    msync(moved, 8192, MS_ASYNC | MS_INVALIDATE);
    mlock(moved, 4096);
    mlock2(moved, 4096, MLOCK_ONFAULT);
    munlock(moved, 4096);
    mlockall(MCL_FUTURE | MCL_ONFAULT);
    munlockall();
    unsigned char resident[2];
    mincore(moved, 8192, resident);
    munmap(private, 4096);
    munmap((void *)1, 4096);
    int memory = memfd_create("named memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    fcntl(memory, F_GET_SEALS);
    memfd_create("plain", 0);
    syscall(SYS_brk, 0);
    syscall(SYS_membarrier, 0, 0, 0);
    return 0;
}
