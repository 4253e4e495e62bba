// Package shapes has types with methods, and Mark.
package shapes

import (
	"fmt"
	"os"
	"runtime"
)

// Mark is a path that tells where it was made: `T|file|line|function` of the caller, which makes the system call.
//
//go:noinline
func Mark() string {
	var counters [8]uintptr
	frame, _ := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])]).Next()
	return fmt.Sprintf("T|%s|%d|%s", frame.File, frame.Line, frame.Function)
}

// Shape has an area.
type Shape interface{ Area() int }

// Square is a Shape.
type Square struct{ Size int }

// Area of it.
func (s Square) Area() int {
	os.Stat(Mark())
	return s.Size * s.Size
}

// Grow makes it larger.
//
//go:noinline
func (s *Square) Grow(n int) {
	os.Stat(Mark())
	s.Size += n
}

// Named is embedded elsewhere.
type Named struct{ Square }

// String names it.
func (n Named) String() string {
	os.Stat(Mark())
	return "named"
}

// All uses all of them.
func All() {
	named := &Named{Square{2}}
	named.Grow(1)
	var shape Shape = named
	shape.Area()
	fmt.Sprint(named)
	os.Stat(Mark())
}
