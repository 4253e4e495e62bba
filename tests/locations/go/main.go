// Go in many shapes; each makes system calls whose path is the place of the call.
package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.org/corpus/shapes"
)

var early = look()

func init() {
	os.Stat(shapes.Mark())
}

func init() {
	os.Stat(shapes.Mark())
}

func look() bool {
	_, err := os.Stat(shapes.Mark())
	return err == nil
}

//go:noinline
func ways() {
	os.Stat(shapes.Mark())
	os.Open(shapes.Mark())
	os.OpenFile(shapes.Mark(), os.O_RDWR, 0)
	os.ReadFile(shapes.Mark())
	os.ReadDir(shapes.Mark())
	os.Remove(shapes.Mark())
	os.Chdir(shapes.Mark())
	os.Mkdir(shapes.Mark(), 0o700)
	os.Readlink(shapes.Mark())
	filepath.Glob(shapes.Mark())
	fs.Stat(os.DirFS("/proc"), "self")
	syscall.Access(shapes.Mark(), 0)
	syscall.Open(shapes.Mark(), 0, 0)
	if _, err := os.Stat(shapes.Mark()); errors.Is(err, fs.ErrNotExist) {
		os.Stat(shapes.Mark())
	}
}

// Small enough to become part of its callers.
func small(n int) int {
	os.Stat(shapes.Mark())
	return n
}

func smaller(n int) int { return small(n) + small(n+1) }

//go:noinline
func recursion(n int) int {
	if n == 0 {
		os.Stat(shapes.Mark())
		return 0
	}
	result := recursion(n-1) + n
	if n == 3 {
		os.Stat(shapes.Mark())
	}
	return result
}

//go:noinline
func largeFrame(n int) int {
	var large [100000]byte
	large[n] = 1
	os.Stat(shapes.Mark())
	return recursion(20) + int(large[n/2])
}

type number interface{ ~int | ~float64 }

func generic[T number](a, b T) T {
	os.Stat(shapes.Mark())
	if a < b {
		return a
	}
	return b
}

type stack[T any] struct{ items []T }

//go:noinline
func (s *stack[T]) push(item T) {
	os.Stat(shapes.Mark())
	s.items = append(s.items, item)
}

func closures() {
	base := 2
	simple := func(n int) int {
		os.Stat(shapes.Mark())
		return n + base
	}
	simple(1)
	func() {
		os.Stat(shapes.Mark())
		func() { os.Stat(shapes.Mark()) }()
	}()
	visit := shapes.Square{Size: 2}.Area
	visit()
	method := (*shapes.Square).Grow
	method(&shapes.Square{Size: 1}, 2)
	strings.Map(func(r rune) rune { os.Stat(shapes.Mark()); return r }, "ab")
	numbers := []int{3, 1, 2}
	sort.Slice(numbers, func(a, b int) bool {
		os.Stat(shapes.Mark())
		return numbers[a] < numbers[b]
	})
	sort.Sort(byValue(numbers))
}

type byValue []int

func (b byValue) Len() int { os.Stat(shapes.Mark()); return len(b) }

func (b byValue) Less(i, j int) bool { os.Stat(shapes.Mark()); return b[i] < b[j] }

func (b byValue) Swap(i, j int) {
	os.Stat(shapes.Mark())
	b[i], b[j] = b[j], b[i]
}

func deferred() (result int) {
	defer func() {
		os.Stat(shapes.Mark())
		result++
	}()
	defer os.Stat("not marked: a deferred call itself")
	for n := 0; n < 2; n++ {
		defer func(n int) { os.Stat(shapes.Mark()) }(n)
	}
	os.Stat(shapes.Mark())
	return 1
}

func panics(n int) {
	defer os.Lstat("not marked")
	defer func() { os.Stat(shapes.Mark()) }()
	if n == 1 {
		var missing *shapes.Square
		missing.Size = 3
	}
	panic("on purpose")
}

func recovers(n int) {
	defer func() {
		os.Stat(shapes.Mark())
		if recover() != nil {
			os.Stat(shapes.Mark())
		}
	}()
	panics(n)
}

func goroutines() {
	var group sync.WaitGroup
	for n := 0; n < 8; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			os.Stat(shapes.Mark())
			recursion(n)
			runtime.Gosched()
			os.Stat(shapes.Mark())
		}(n)
	}
	group.Wait()
	results := make(chan int)
	go worker(results)
	for n := range results {
		os.Stat(shapes.Mark())
		small(n)
	}
	runtime.LockOSThread()
	os.Stat(shapes.Mark())
	runtime.UnlockOSThread()
	select {
	case <-time.After(time.Millisecond):
		os.Stat(shapes.Mark())
	}
	var once sync.Once
	once.Do(func() { os.Stat(shapes.Mark()) })
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	<-signals
	os.Stat(shapes.Mark())
}

func worker(results chan<- int) {
	defer close(results)
	for n := 0; n < 3; n++ {
		os.Stat(shapes.Mark())
		results <- n
	}
}

func children() {
	(&exec.Cmd{Path: shapes.Mark()}).Start()
	syscall.Exec(shapes.Mark(), nil, nil)
	os.Stat(shapes.Mark())
}

func main() {
	os.Stat(shapes.Mark())
	ways()
	smaller(1)
	recursion(20)
	largeFrame(5)
	generic(1, 2)
	generic(1.5, 2.5)
	(&stack[string]{}).push("a")
	(&stack[int]{}).push(1)
	closures()
	deferred()
	recovers(0)
	recovers(1)
	goroutines()
	shapes.All()
	called()
	children()
	os.Stat(shapes.Mark())
}
