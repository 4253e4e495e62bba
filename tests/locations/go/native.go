//go:build cgo && native

package main

/*
#include <unistd.h>
extern int goes_back(int);
static int native(int n) {
	int result = access("T|native.go|9|native", F_OK);
	return goes_back(n) + result;
}
*/
import "C"

import (
	"os"

	"example.org/corpus/shapes"
)

//export goes_back
func goes_back(n C.int) C.int {
	os.Stat(shapes.Mark())
	return n
}

func called() {
	C.native(1)
	os.Stat(shapes.Mark())
}
