// Functions that become part of their callers, from another file than these.
#pragma once
#include "mark.h"

INLINE void inlined_deep(int n) {
    if (n) TOUCH("inlined_deep");
}

INLINE void inlined_middle(int n) {
    inlined_deep(n);
    TOUCH("inlined_middle");
}

INLINE void inlined(int n) {
    TOUCH("inlined");
    inlined_middle(n);
    inlined_deep(n + 1);
}
