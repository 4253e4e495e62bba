// A shared library that the program loads while it runs.
#include "inlined.h"

volatile int touched;

static NOINLINE int hidden(int n) {
    TOUCH("hidden");
    return n;
}

int plugin(int (*function)(int), int n) {
    TOUCH("plugin");
    inlined(n);
    int result = hidden(n) + function(n);
    TOUCH("plugin");
    return result;
}
