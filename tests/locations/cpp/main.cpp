// C++ in many shapes; each makes system calls whose path is the place of the call. Names are written without arguments,
// template arguments left out; "*" where compilers and tools agree on no name.
#include <algorithm>
#include <coroutine>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <variant>
#include <vector>

#include "../c/mark.h"
#include "shapes.h"

volatile int touched;
static volatile int one = 1;

namespace outer {
namespace {

struct Early {
    Early() { TOUCH("outer::(anonymous namespace)::Early::Early"); }
    ~Early() { TOUCH("outer::(anonymous namespace)::Early::~Early"); }
};
Early early;

NOINLINE int hidden(int n) {
    TOUCH("outer::(anonymous namespace)::hidden");
    return n;
}

} // namespace

inline namespace v2 {
NOINLINE int versioned(int n) {
    TOUCH("*");
    return hidden(n);
}
} // namespace v2

template <typename T> struct Box {
    T value;
    explicit Box(T given) : value(given) { TOUCH("outer::Box::Box"); }
    Box(const Box &other) : value(other.value) { TOUCH("outer::Box::Box"); }
    ~Box() { TOUCH("outer::Box::~Box"); }
    NOINLINE bool operator<(const Box &other) const {
        TOUCH("outer::Box::operator<");
        return value < other.value;
    }
    Box &operator=(const Box &other) {
        value = other.value;
        TOUCH("outer::Box::operator=");
        return *this;
    }
    template <typename U> NOINLINE U as(U given) {
        TOUCH("outer::Box::as");
        return given;
    }
};

template <int N> struct Count {
    static NOINLINE int down(int n) {
        TOUCH("outer::Count::down");
        return Count<N - 1>::down(n) + 1;
    }
};
template <> struct Count<0> {
    static NOINLINE int down(int n) {
        TOUCH("outer::Count::down");
        return n;
    }
};

template <typename... Rest> NOINLINE int variadic(int n, Rest... rest) {
    TOUCH("outer::variadic");
    if constexpr (sizeof...(rest) > 0) return variadic(rest...) + n;
    return n;
}

} // namespace outer

struct Guard {
    ~Guard() { TOUCH("Guard::~Guard"); }
};

NOINLINE void throws(int n) {
    Guard guard;
    TOUCH("throws");
    if (n) throw std::runtime_error("thrown");
    TOUCH("throws");
}

NOINLINE void rethrows(int n) {
    try {
        throws(n);
    } catch (const std::exception &) {
        TOUCH("rethrows");
        throw;
    }
}

NOINLINE void exceptions() {
    try {
        Guard guard;
        rethrows(one);
    } catch (const std::runtime_error &error) {
        TOUCH("exceptions");
        touched += error.what()[0];
    }
    try {
        throw 1;
    } catch (...) {
        std::exception_ptr current = std::current_exception();
        TOUCH("exceptions");
        try {
            std::rethrow_exception(current);
        } catch (int) {
            TOUCH("exceptions");
        }
    }
    TOUCH("exceptions");
}

NOINLINE void lambdas() {
    int captured = one;
    auto simple = [&](int n) {
        TOUCH("*");
        return n + captured;
    };
    touched += simple(one);
    std::function<int(int)> wrapped = [captured](int n) {
        int result = access(MARK("*"), F_OK) + captured; APART;
        return result + n;
    };
    touched += wrapped(one);
    auto nested = [&] {
        auto inner = [&](auto n) { TOUCH("*"); return n; };
        TOUCH("*");
        return inner(1) + inner(1.5);
    };
    touched += static_cast<int>(nested());
    TOUCH("lambdas");
}

struct ByValue {
    bool operator()(int a, int b) const {
        TOUCH("ByValue::operator()");
        return a < b;
    }
};

NOINLINE void algorithms() {
    std::vector<int> numbers{3, 1, 2, 5, 4};
    std::sort(numbers.begin(), numbers.end(), [](int a, int b) {
        TOUCH("*");
        return a < b;
    });
    std::sort(numbers.begin(), numbers.end(), ByValue());
    std::vector<outer::Box<int>> boxes;
    boxes.reserve(2);
    boxes.emplace_back(2);
    boxes.emplace_back(1);
    std::sort(boxes.begin(), boxes.end());
    std::map<int, int, ByValue> map{{1, 2}, {2, 3}};
    touched += map[2];
    std::for_each(numbers.begin(), numbers.end(), [](int n) { touched += access(MARK("*"), n); APART; });
    touched += std::accumulate(numbers.begin(), numbers.end(), 0, [](int a, int b) { TOUCH("*"); return a + b; });
    std::variant<int, double> either = 1.5;
    std::visit([](auto value) { TOUCH("*"); touched += static_cast<int>(value); }, either);
    TOUCH("algorithms");
}

NOINLINE void files() {
    std::ifstream stream(MARK("files"));
    touched += stream.good();
    std::unique_ptr<FILE, int (*)(FILE *)> file(fopen(MARK("files"), "r"), fclose);
    struct stat status;
    touched += ::stat(MARK("files"), &status);
}

NOINLINE void locals() {
    struct Local {
        int n;
        NOINLINE int method() const {
            TOUCH("*");
            return n;
        }
    };
    static const Local fixed = [] { TOUCH("*"); return Local{1}; }();
    touched += Local{2}.method() + fixed.n;
}

struct Task {
    struct promise_type {
        Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};

#if defined __cpp_impl_coroutine
Task coroutine(int n) {
    TOUCH("*");
    co_await std::suspend_always{};
    TOUCH("*");
    touched += n;
}

NOINLINE void coroutines() {
    Task task = coroutine(one);
    while (!task.handle.done()) {
        task.handle.resume();
        TOUCH("coroutines");
    }
    task.handle.destroy();
}
#else
NOINLINE void coroutines() {}
#endif

NOINLINE void threads() {
    std::thread thread([] {
        TOUCH("*");
        exceptions();
    });
    thread.join();
    auto future = std::async(std::launch::async, [](int n) { TOUCH("*"); return outer::versioned(n); }, 3);
    touched += future.get();
    std::once_flag flag;
    std::call_once(flag, [] { TOUCH("*"); });
    thread_local Guard guard;
    (void)&guard;
    TOUCH("threads");
}

int main() {
    TOUCH("main");
    touched += outer::versioned(one);
    outer::Box<double> box(1.5);
    touched += box.as(one) + outer::Count<3>::down(one) + outer::variadic(1, 2, 3);
    exceptions();
    lambdas();
    algorithms();
    files();
    locals();
    coroutines();
    shapes(one);
    threads();
    TOUCH("main");
}
