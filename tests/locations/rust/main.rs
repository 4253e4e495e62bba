//! Rust in many shapes; each makes system calls whose path is the place of the call.

mod shapes;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// How often something was looked for. Using each result keeps a call from being the last one of its function.
pub static TOUCHED: AtomicUsize = AtomicUsize::new(0);

/// Remembers that a call was made.
#[inline(always)]
pub fn count<T>(_: T) {
    TOUCHED.fetch_add(1, Ordering::Relaxed);
}

/// The path that tells its own place: `T|file|line|function`.
#[macro_export]
macro_rules! mark {
    ($function:expr) => {
        concat!("T|", file!(), "|", line!(), "|", $function)
    };
}

/// Looks for that path; what the macro does belongs to the line that uses it.
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! touch {
    ($function:expr) => {
        $crate::count(std::path::Path::new($crate::mark!($function)).exists())
    };
}

#[inline(never)]
fn ways() {
    count(File::open(mark!("corpus::ways")));
    count(File::create(mark!("corpus::ways")));
    count(OpenOptions::new().read(true).write(true).open(mark!("corpus::ways")));
    count(std::fs::read(mark!("corpus::ways")));
    count(std::fs::read_to_string(mark!("corpus::ways")));
    count(std::fs::write(mark!("corpus::ways"), "text"));
    count(std::fs::metadata(mark!("corpus::ways")));
    count(std::fs::read_dir(mark!("corpus::ways")));
    count(std::fs::remove_file(mark!("corpus::ways")));
    count(std::fs::create_dir(mark!("corpus::ways")));
    count(std::fs::canonicalize(mark!("corpus::ways")));
    count(Path::new(mark!("corpus::ways")).is_dir());
    count(Path::new(mark!("corpus::ways")).symlink_metadata());
    count(std::env::set_current_dir(mark!("corpus::ways")));
}

#[inline(always)]
fn inlined_deep(n: usize) {
    if n > 0 {
        touch!("corpus::inlined_deep");
    }
}

#[inline(always)]
fn inlined(n: usize) {
    touch!("corpus::inlined");
    inlined_deep(n);
    inlined_deep(n + 1);
}

#[inline(never)]
fn recursion(n: usize) -> usize {
    let space = std::hint::black_box([n as u8; 100]);
    if n == 0 {
        touch!("corpus::recursion");
        return 0;
    }
    let result = recursion(n - 1) + space[n] as usize;
    if n == 3 {
        touch!("corpus::recursion");
    }
    result
}

#[inline(never)]
fn generic<T: PartialOrd + Copy>(a: T, b: T) -> T {
    touch!("corpus::generic");
    if a < b { a } else { b }
}

#[inline(never)]
fn closures() {
    let base = std::hint::black_box(2);
    let simple = |n: usize| {
        touch!("corpus::closures::{{closure}}");
        n + base
    };
    count(simple(1));
    let boxed: Box<dyn Fn(usize) -> usize> = Box::new(move |n| {
        touch!("corpus::closures::{{closure}}");
        let nested = || touch!("corpus::closures::{{closure}}::{{closure}}");
        nested();
        n * base
    });
    count(boxed(1));
    touch!("corpus::closures");
}

#[inline(never)]
fn iterators() {
    let mut numbers = vec![3, 1, 2];
    numbers.sort_by(|a, b| {
        touch!("corpus::iterators::{{closure}}");
        a.cmp(b)
    });
    numbers.sort_by_key(|n| {
        touch!("corpus::iterators::{{closure}}");
        -*n
    });
    let sum: i32 = numbers
        .iter()
        .filter(|n| {
            touch!("corpus::iterators::{{closure}}");
            **n != 2
        })
        .map(|n| {
            count(File::open(mark!("corpus::iterators::{{closure}}")));
            n * 2
        })
        .sum();
    let map: BTreeMap<_, _> = numbers.iter().map(|n| (n, touch!("corpus::iterators::{{closure}}"))).collect();
    count((sum, map));
    for n in &numbers {
        touch!("corpus::iterators");
        count(n);
    }
}

#[inline(never)]
fn matching(value: Option<usize>) -> Result<usize, std::io::Error> {
    let n = match value {
        Some(n) if n > 1 => {
            touch!("corpus::matching");
            n
        }
        Some(n) => {
            count(File::open(mark!("corpus::matching"))); n
        }
        None => 0,
    };
    let file = File::open(mark!("corpus::matching"))?;
    count(file);
    Ok(n)
}

struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        touch!("corpus::Guard::drop");
        count(self.0);
    }
}

#[inline(never)]
fn panics(n: usize) {
    let _guard = Guard("in panics");
    touch!("corpus::panics");
    assert!(n != 1, "on purpose");
    touch!("corpus::panics");
}

#[inline(never)]
fn unwinding() {
    std::panic::set_hook(Box::new(|_| touch!("corpus::unwinding::{{closure}}")));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _outer = Guard("in the closure");
        panics(std::hint::black_box(1));
    }));
    count(outcome.is_err());
    touch!("corpus::unwinding");
    panics(std::hint::black_box(0));
}

async fn asynchronous(n: usize) -> usize {
    touch!("corpus::asynchronous::{{closure}}");
    yields().await;
    touch!("corpus::asynchronous::{{closure}}");
    n
}

async fn yields() {
    let mut first = true;
    std::future::poll_fn(|context| {
        touch!("corpus::yields::{{closure}}::{{closure}}");
        context.waker().wake_by_ref();
        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

#[inline(never)]
fn futures() {
    let mut future = pin!(asynchronous(std::hint::black_box(1)));
    let mut context = Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut context).is_pending() {
        touch!("corpus::futures");
    }
}

fn threads() {
    let threads: Vec<_> = (0..3)
        .map(|n| {
            std::thread::spawn(move || {
                touch!("corpus::threads::{{closure}}::{{closure}}");
                count(recursion(n));
                shapes::all(n);
            })
        })
        .collect();
    for thread in threads {
        count(thread.join());
    }
    let mut numbers = [1, 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            numbers[0] = 3;
            touch!("corpus::threads::{{closure}}::{{closure}}");
        });
    });
    count(numbers);
}

fn children() {
    count(Command::new(mark!("corpus::children")).spawn());
    count(Command::new(mark!("corpus::children")).current_dir("/").output());
    touch!("corpus::children");
}

fn main() {
    touch!("corpus::main");
    ways();
    inlined(std::hint::black_box(1));
    count(recursion(20));
    count((generic(1, 2), generic(1.5, 2.5), generic("a", "b")));
    closures();
    iterators();
    count((matching(Some(2)), matching(Some(1)), matching(None)));
    if cfg!(panic = "unwind") {
        unwinding();
    }
    futures();
    shapes::all(std::hint::black_box(1));
    threads();
    children();
    touch!("corpus::main");
}
