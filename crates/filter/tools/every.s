# Makes every system call that strace 6.1 knows, x86-64's then i386's, then those behind i386's socketcall and ipc,
# and ends by a crash.
# To be run under `strace -e inject=all:error=...` only, which keeps the calls from being made. Numbers that strace does not
# know would be made indeed, so they are left out: 335 to 423, which x86-64 does not share, and those from 451 on.
    .globl _start
_start:
    xorl %r12d, %r12d
1:  movl %r12d, %eax
    xorl %edi, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    xorl %r10d, %r10d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    syscall
    incl %r12d
    cmpl $335, %r12d
    jne 2f
    movl $424, %r12d
2:  cmpl $451, %r12d
    jb 1b
    xorl %r12d, %r12d
3:  movl %r12d, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    int $0x80
    incl %r12d
    cmpl $451, %r12d
    jb 3b
    # What stands behind socketcall (20 calls) and ipc (24 numbers, not all in use).
    movl $102, %r13d
    call behind
    movl $117, %r13d
    call behind
    ud2

behind:
    movl $1, %r12d
4:  movl %r13d, %eax
    movl %r12d, %ebx
    movl $zeros, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    int $0x80
    incl %r12d
    cmpl $25, %r12d
    jb 4b
    ret

    .data
zeros:
    .zero 64
