// A second unit, whose functions an optimiser of whole programs may move into the first.
#include "other.h"
#include "inlined.h"

static int helper(int n) {
    TOUCH("helper");
    return n + 1;
}

int other(int n) {
    TOUCH("other");
    inlined(n);
    return helper(n) + helper(n + 1);
}

int calls_back(int (*function)(int), int n) {
    int result = function(n);
    TOUCH("calls_back");
    return result;
}

// What the line table says of these lines is another file.
#line 1000 "generated/grammar.y"
int generated(int n) {
    TOUCH("generated");
    return n;
}
