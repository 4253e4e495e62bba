//! An event: one observation of the tracer, in the order in which the kernel reported it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{ActiveSpan, Attribute, Container, Memory, SpanContext, Stack};

/// A process (thread group) id, as the tracer sees it.
pub type Pid = i32;
/// A thread id, as the tracer sees it.
pub type Tid = i32;

/// The calling convention of one system call. It belongs to the call, not to the process:
/// a 64-bit process may use `int 0x80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86, also from a 64-bit process.
    I386,
    /// 64-bit x86 with 32-bit pointers; the number is without `__X32_SYSCALL_BIT`.
    X32,
    /// 64-bit Arm.
    Aarch64,
}

impl Abi {
    /// Size of a pointer and of `long` in the tracee's structures, in bytes.
    pub fn word_size(self) -> usize {
        match self {
            Abi::X86_64 | Abi::Aarch64 => 8,
            Abi::I386 | Abi::X32 => 4,
        }
    }
}

/// One observation.
#[derive(Debug)]
pub struct Event {
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub at: u64,
    /// The thread it happened to.
    pub tid: Tid,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a thread.
#[derive(Debug)]
pub enum EventKind {
    /// The first event of a process. Its first thread (`tid` of the event) starts with it.
    ProcessStarted(Box<ProcessStarted>),
    /// A further thread of a process that is known already.
    ThreadStarted {
        /// The process it belongs to.
        pid: Pid,
        /// The thread that created it; none when it was found at attach.
        creator: Option<Tid>,
        /// The thread's own name (`/proc/PID/task/TID/comm`).
        name: String,
    },
    /// A system call was entered.
    Entered(Entry),
    /// A system call returned.
    Returned(Return),
    /// A successful exec, reported between the call's entry and its return. The event's `tid` is the process id from here on;
    /// all other threads of the process are gone without an event of their own.
    ImageReplaced {
        /// The thread that called exec, where it was not the first thread of its process: its call in flight goes on under `tid`.
        former_tid: Tid,
        /// The program that runs now.
        image: Box<Image>,
    },
    /// The thread runs untraced from here on, so that tracing costs it no more than it may: its calls are not told of, but its signals and
    /// its end are. What its process has open is unknown until [`EventKind::Missed`].
    Rests,
    /// The thread is traced again.
    Rested,
    /// Calls of the thread's process were not told of, because there was no room for them or because threads of it rested.
    Missed(Box<Missed>),
    /// A signal is delivered to the thread.
    SignalDelivered(Signal),
    /// The thread's process was stopped by a signal (job control).
    GroupStopped {
        /// SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU.
        signal: i32,
    },
    /// The thread's process says what it is: attributes of its resource.
    Described(Vec<Attribute>),
    /// The thread has written to its process's standard error.
    Wrote {
        /// What it wrote, from the beginning.
        bytes: Vec<u8>,
        /// It wrote more than that.
        cut: bool,
    },
    /// The thread has left a message in place of a path.
    Marked(Vec<u8>),
    /// The thread's name changed (prctl or `/proc/self/comm`).
    Renamed(String),
    /// The thread is gone. A call in flight will not return.
    ThreadExited(ExitStatus),
    /// The last thread of the process is gone; follows that thread's `ThreadExited`.
    ProcessExited(ExitStatus),
    /// The tracer let the thread go; it runs on untraced.
    Detached,
}

/// What went by untold, and how things stand since. Empty where the process has ended.
#[derive(Debug, Default)]
pub struct Missed {
    /// How many calls, where that is known: of threads that rested it is not.
    pub calls: u64,
    /// All descriptors that are open now.
    pub descriptors: Vec<OpenDescriptor>,
    /// The working directory now.
    pub working_directory: Option<PathBuf>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By exit, with this code (0 to 255).
    Exited(i32),
    /// By this signal.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
    /// The tracer lost it and cannot know.
    Unknown,
}

/// How a process came under trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Run by the tracer.
    Launched,
    /// Found running.
    Attached,
    /// Created by fork, vfork or clone of this traced thread.
    Forked {
        /// The creating thread's process.
        pid: Pid,
        /// The creating thread.
        tid: Tid,
        /// Whether both share one descriptor table (CLONE_FILES).
        shares_descriptors: bool,
    },
}

/// The first thing told of a process.
#[derive(Debug)]
pub struct ProcessStarted {
    /// Its process id.
    pub pid: Pid,
    /// Its parent's process id, where known.
    pub parent_pid: Option<Pid>,
    /// How it came under trace.
    pub origin: Origin,
    /// The program it runs. A forked child's is that of its parent.
    pub image: Image,
    /// Descriptors that were open before the first event. Empty for a forked child, which inherits its parent's.
    pub descriptors: Vec<OpenDescriptor>,
}

/// The program that a process runs, read from `/proc/PID` at the stop. What could not be read is absent.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Target of `/proc/PID/exe`.
    pub executable: Option<PathBuf>,
    /// `/proc/PID/cmdline`, split at its NULs.
    pub command_args: Vec<Vec<u8>>,
    /// Target of `/proc/PID/cwd`.
    pub working_directory: Option<PathBuf>,
    /// `/proc/PID/comm`.
    pub name: String,
    /// Process id in its own pid namespace, where that differs.
    pub vpid: Option<Pid>,
    /// Effective user id and name of the owner are not looked up here; this is the numeric real user id.
    pub user_id: Option<u32>,
    /// Where it lives, if that is a container.
    pub container: Option<Arc<Container>>,
    /// The span that TRACEPARENT (and TRACESTATE) name in the environment that the program was started with.
    pub caller: Option<SpanContext>,
}

/// One descriptor that a process had open already.
#[derive(Clone, Debug)]
pub struct OpenDescriptor {
    /// Its number.
    pub number: i32,
    /// What it refers to.
    pub target: DescriptorTarget,
    /// Whether exec closes it.
    pub close_on_exec: bool,
}

/// What a descriptor refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptorTarget {
    /// An absolute path, or the kernel's name for an object without one (`pipe:[123]`, `anon_inode:[eventpoll]`), in bytes.
    Path(Vec<u8>),
    /// A socket, with what is known of its addresses.
    Socket(crate::Peer),
}

/// A system call's entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The calling convention.
    pub abi: Abi,
    /// The call's number in that convention.
    pub number: u64,
    /// The raw arguments. 32-bit ABIs: zero-extended.
    pub arguments: [u64; 6],
    /// The tracee's instruction pointer.
    pub instruction_pointer: u64,
    /// The tracee's stack pointer.
    pub stack_pointer: u64,
    /// What the arguments point to, as far as it carries data into the call.
    pub memory: Memory,
    /// The thread's call stack, where stacks are walked.
    pub stack: Option<Arc<Stack>>,
    /// The span of the program's own that the thread is in, where the program says so.
    pub context: Option<Arc<ActiveSpan>>,
    /// Nobody asked for the call: it is told of because of what it does.
    pub watched: bool,
}

/// A system call's return.
#[derive(Clone, Debug)]
pub struct Return {
    /// What the kernel returned: negative errno on failure.
    pub value: i64,
    /// Whether the kernel marks it as a failure (addresses may look like a negative errno).
    pub is_error: bool,
    /// What the arguments point to, as far as it carries data out of the call.
    pub memory: Memory,
}

/// A delivered signal, from its siginfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The signal's number.
    pub number: i32,
    /// `si_code`.
    pub code: i32,
    /// `si_errno`.
    pub errno: i32,
    /// Process id of the sender, where the code says that there is one.
    pub sender_pid: Option<Pid>,
    /// User id of the sender, where the code says that there is one.
    pub sender_uid: Option<u32>,
    /// The whole siginfo as the kernel gave it (128 bytes on 64-bit kernels), for the text form.
    pub info: Vec<u8>,
}
