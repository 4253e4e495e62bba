// A path that tells where it was made, for a system call made in the same line: `T|file|line|function`.
#pragma once
#ifndef __i386__
#include <fcntl.h>
#include <unistd.h>
#endif

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define MARK(function) "T|" __FILE__ "|" TEXT(__LINE__) "|" function

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

// Adding the result up keeps the call from being the last one of its function, which would leave no frame behind, and the
// comment for the assembler keeps optimisers from making one call of two that differ in nothing but their paths.
extern volatile int touched;
#define TOUCH(function) do { touched += access(MARK(function), F_OK); APART; } while (0)
#define APART __asm__ volatile("# " TEXT(__LINE__))
