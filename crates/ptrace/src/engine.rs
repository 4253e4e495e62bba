//! The tracer: waits for stops, tells what happened, lets the tracee go on.
//!
//! One thread, one loop. It waits for nothing but its tracees. Everything that it learns is given to a callback as an
//! [`Event`], in the order in which the kernel reported it; where possible after the tracee has been resumed, so that the
//! tracee does not wait for that either.

mod births;
mod budget;
mod calls;
mod chosen;
mod contexts;
mod ending;
mod ends;
mod overflow;
mod placing;
mod slices;
mod stacks;
mod untraced;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use renacer_events::{
    ContextSource, Entry, Event, EventKind, ExitStatus, FastMap, Image, Origin, Pid, ProcessStarted, Signal,
    StackWalker, Tid,
};

use self::births::Newborn;
pub use self::ending::AtTimeout;
pub use self::placing::Pin;
use self::slices::{Slice, Slices};
pub(crate) use self::stacks::maps_code;
use crate::attach::{self, AttachError};
use crate::capture;
use crate::choice::Choice;
use crate::interrupts::Interrupts;
use crate::launch::{self, Child, Command, LaunchError};
use crate::markers::Markers;
use crate::memory::Method;
use crate::placement::Placement;
use crate::proc;
use crate::streams::Streams;
use crate::sys::clock::monotonic;
use crate::sys::{ptrace, signal};
use crate::tracee::{self, Change, Gone, Report, Stop, Stopped};

/// What to trace and how much to copy.
#[derive(Clone, Debug)]
pub struct Options {
    /// Trace new threads and processes too.
    pub follow: bool,
    /// What is read of the tracee's memory.
    pub capture: capture::Options,
    /// How long the run lasts at most.
    pub limit: Option<Duration>,
    /// What happens to a launched program when the run ends before it.
    pub at_end: AtTimeout,
    /// Which calls are told of; none: all.
    pub choice: Option<Choice>,
    /// Where the program and the tracer run.
    pub pin: Pin,
    /// Processes are let go when they run another program (`-b execve`).
    pub detach_on_exec: bool,
    /// The share of each thread's time that tracing may take, above 0 and at most 1; none: all that it takes.
    pub share: Option<f64>,
    /// Only the calls of processes with one of these names are told of; of none: of all.
    pub follow_only: Vec<String>,
    /// What programs write to their standard error is told of, as are the messages in place of paths.
    pub markers: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How the launched program ended; none when it was let go alive, or when nothing was launched.
    pub status: Option<ExitStatus>,
    /// The signal that made Renacer let its tracees go.
    pub interrupted: Option<i32>,
    /// Whether the run was ended because its time was up.
    pub timed_out: bool,
    /// Calls in a convention that Renacer has no table for; they are not reported otherwise.
    pub foreign_calls: u64,
    /// Calls that were not told of because there was no room for them.
    pub dropped_calls: u64,
    /// The kernel refused the filter that the program was to have: each call stopped it.
    pub filter_refused: bool,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The program could not be run after all.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// waitpid failed.
    #[error("waiting for the traced processes failed: {0}")]
    Wait(io::Error),
}

/// Traces the processes that it launched or attached to. Not `Send`: ptrace answers only the thread that started tracing.
pub struct Tracer {
    options: Options,
    ptrace_options: i32,
    threads: FastMap<Tid, Thread>,
    processes: FastMap<Pid, Process>,
    /// Reports that were taken and not yet looked at.
    reports: VecDeque<Report>,
    /// New tracees that stopped before their creator's event told who they are.
    newborns: FastMap<Tid, Newborn>,
    /// Unknown ones that ended already.
    early_ends: FastMap<Tid, Change>,
    stacks: Option<Box<dyn StackWalker>>,
    contexts: Option<Box<dyn ContextSource>>,
    markers: Option<Markers>,
    /// Whether there is room for more events, where a tracee must not wait for it.
    has_room: Option<Box<dyn Fn() -> bool>>,
    launch: Option<Launch>,
    main: Option<Pid>,
    /// Told before anything else.
    first_events: Vec<Event>,
    detaching: Option<Instant>,
    last_interrupt: Option<Instant>,
    /// When the time is up, or patience with a program that was asked to end.
    deadline: Option<Instant>,
    /// The launched program has a seccomp filter, and so has all that descends from it.
    filtered: bool,
    /// Tracing has ended, but what has a filter cannot be let go.
    passing: bool,
    told_of_passing: Option<Box<dyn Fn()>>,
    placement: Option<Placement>,
    /// Where tracing may take a share of the time only.
    slices: Option<Slices>,
    outcome: Outcome,
}

struct Thread {
    pid: Pid,
    name: String,
    /// The call in flight, with as much of its memory as its return needs.
    call: Option<Entry>,
    /// It is between the stops at a call's entry and return.
    inside: bool,
    /// Of the call that it is in, the return has to be told of too.
    returns: bool,
    /// It is stopped by job control.
    stopped: bool,
    /// How much of its time tracing takes.
    slice: Option<Slice>,
}

impl Thread {
    fn new(pid: Pid, name: String) -> Thread {
        Thread { pid, name, call: None, inside: false, returns: false, stopped: false, slice: None }
    }
}

struct Process {
    image: Image,
    memory: Method,
    /// Its children may live in another pid namespace than itself, or it lives in another one than we do.
    makes_namespaces: bool,
    /// Calls that went by untold since it was last told how things stand.
    dropped_calls: u64,
    /// It, or one that it descends from, has installed a seccomp filter of its own, whose refusals come before our filter's reports.
    filters_itself: bool,
    /// Nobody asked for its calls.
    passes: bool,
    /// It looks at its status, where it would see where it may run.
    sees_placement: bool,
    /// How many of its threads are not traced now, so that what it has open and where its code is are unknown.
    resting: usize,
    /// Until when those do without it.
    rests_until: u64,
    /// Which of its descriptors may carry requests.
    streams: Streams,
}

impl Process {
    fn new(image: Image) -> Process {
        Process {
            makes_namespaces: image.vpid.is_some(),
            image,
            memory: Method::default(),
            dropped_calls: 0,
            filters_itself: false,
            passes: false,
            sees_placement: false,
            resting: 0,
            rests_until: 0,
            streams: Streams::default(),
        }
    }

    /// Runs another program.
    fn replaced(&self, image: Image) -> Process {
        Process {
            makes_namespaces: self.makes_namespaces || image.vpid.is_some(),
            filters_itself: self.filters_itself,
            streams: self.streams.clone(),
            ..Process::new(image)
        }
    }
}

/// The launched program before its exec has succeeded.
struct Launch {
    pid: Pid,
    path: PathBuf,
    gate: Option<Child>,
    exec_seen: bool,
    /// Told when exec has succeeded, forgotten if it fails.
    held: Vec<Event>,
    failed: Option<i32>,
    /// It is in the call that installs its filter.
    asks_for_filter: bool,
}

type Emit<'a> = &'a mut dyn FnMut(Event);

impl Tracer {
    /// Forks the program's process and starts tracing it. The program itself runs from [`Tracer::run`] on, so that threads may be
    /// created in between. Our process must have one thread; `interrupts` must be blocked already.
    pub fn launch(command: &Command, options: Options, interrupts: &Interrupts) -> Result<Tracer, LaunchError> {
        let filter = if command.filter.is_some() { ptrace::SECCOMP } else { 0 };
        let mut tracer = Tracer::new(options, ptrace::EXITKILL | filter);
        let child = launch::fork(command, interrupts.mask_before())?;
        let pid = child.pid;
        let started = tracer.seize_child(pid);
        if let Err(error) = started {
            let _ = signal::kill(pid, libc::SIGKILL);
            let _ = tracee::wait();
            return Err(match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => {
                    LaunchError::NotPermitted(attach::why_not_permitted(None))
                }
                _ => error.into(),
            });
        }
        let arguments = std::iter::once(&command.program).chain(&command.arguments);
        let image = Image {
            executable: std::path::absolute(&child.path).ok(),
            command_args: arguments.map(|argument| argument.as_encoded_bytes().to_vec()).collect(),
            name: child.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ..proc::image(pid)
        };
        tracer.threads.insert(pid, Thread::new(pid, image.name.clone()));
        tracer.processes.insert(pid, Process::new(image.clone()));
        let started = ProcessStarted {
            pid,
            parent_pid: Some(std::process::id() as Pid),
            origin: Origin::Launched,
            image,
            descriptors: proc::descriptors::open(pid),
        };
        tracer.main = Some(pid);
        tracer.launch = Some(Launch {
            pid,
            path: child.path.clone(),
            gate: Some(child),
            exec_seen: false,
            held: vec![Event { at: 0, tid: pid, kind: EventKind::ProcessStarted(Box::new(started)) }],
            failed: None,
            asks_for_filter: false,
        });
        tracer.outcome.filter_refused = command.filter.is_some();
        tracer.place(pid);
        Ok(tracer)
    }

    /// Starts tracing running processes: all their threads, and what they create from now on.
    pub fn attach(pids: &[Pid], options: Options) -> Result<Tracer, AttachError> {
        let mut tracer = Tracer::new(options, 0);
        for &id in pids {
            let (pid, threads) = attach::seize_all(id, tracer.ptrace_options)?;
            if tracer.processes.contains_key(&pid) {
                continue;
            }
            let image = proc::image(pid);
            let at = monotonic();
            // A thread may be about to change its user in a call that was not seen to begin: at exec it is looked up again.
            let mut process = Process::new(Image { user_id: None, ..image.clone() });
            process.passes = tracer.passes(&image.name);
            tracer.processes.insert(pid, process);
            let started = ProcessStarted {
                pid,
                parent_pid: proc::status(pid).and_then(|status| status.parent).filter(|&parent| parent != 0),
                origin: Origin::Attached,
                image,
                descriptors: proc::descriptors::open(pid),
            };
            tracer.first_events.push(Event { at, tid: pid, kind: EventKind::ProcessStarted(Box::new(started)) });
            for tid in threads {
                let name = proc::name(tid);
                // It may be in a call, whose return is told of where all are.
                let returns = tracer.options.choice.is_none();
                tracer.threads.insert(tid, Thread { returns, ..Thread::new(pid, name.clone()) });
                if tid != pid {
                    let kind = EventKind::ThreadStarted { pid, creator: None, name };
                    tracer.first_events.push(Event { at, tid, kind });
                }
            }
        }
        Ok(tracer)
    }

    fn new(options: Options, more: i32) -> Tracer {
        let follow = if options.follow { ptrace::FOLLOW } else { 0 };
        Tracer {
            slices: options.share.map(Slices::new),
            markers: options.markers.then(Markers::new),
            options,
            ptrace_options: ptrace::ALWAYS | follow | more,
            threads: FastMap::default(),
            processes: FastMap::default(),
            reports: VecDeque::new(),
            newborns: FastMap::default(),
            early_ends: FastMap::default(),
            stacks: None,
            contexts: None,
            has_room: None,
            launch: None,
            main: None,
            first_events: Vec::new(),
            detaching: None,
            last_interrupt: None,
            deadline: None,
            filtered: false,
            passing: false,
            told_of_passing: None,
            placement: None,
            outcome: Outcome::default(),
        }
    }

    /// Seizes the forked child, stops it once, and lets it run under system call tracing. It still waits at its gate.
    fn seize_child(&self, pid: Pid) -> io::Result<()> {
        ptrace::seize(pid, self.ptrace_options)?;
        ptrace::interrupt(pid)?;
        match tracee::wait()? {
            Report::Stopped(stopped, _) => stopped.resume(0).map_err(|Gone| io::ErrorKind::BrokenPipe.into()),
            Report::Ended(..) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Walks the stack at each call's entry from here on. To be called before [`Tracer::run`].
    pub fn walk_stacks(&mut self, mut walker: Box<dyn StackWalker>) {
        self.processes.keys().for_each(|&pid| walker.started(pid, None));
        self.stacks = Some(walker);
    }

    /// Asks at each call's entry which span of the program's own the thread is in. To be called before [`Tracer::run`].
    pub fn read_contexts(&mut self, mut source: Box<dyn ContextSource>) {
        self.processes.keys().for_each(|&pid| source.started(pid, None));
        self.contexts = Some(source);
    }

    /// The launched program's process id.
    pub fn main_pid(&self) -> Option<Pid> {
        self.main
    }

    /// Traces until no tracee is left, or until an interrupt ends the run; every event goes to `emit`.
    pub fn run(mut self, interrupts: &Interrupts, emit: Emit) -> Result<Outcome, TraceError> {
        for event in std::mem::take(&mut self.first_events) {
            emit(event);
        }
        if let Some(gate) = self.launch.as_mut().and_then(|launch| launch.gate.take()) {
            gate.release();
        }
        self.start_clock(interrupts);
        self.start_slices();
        loop {
            if self.passing && !self.threads.is_empty() {
                return self.pass(interrupts, emit);
            }
            if let Some(interrupt) = interrupts.take() {
                self.interrupted(interrupt, interrupts);
            }
            self.keep_time(interrupts);
            if self.detaching.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            self.end_rests();
            match self.next_report() {
                Ok(Report::Stopped(stopped, stop)) => {
                    // A tracee that is gone has nothing more to say here; its end is reported by wait.
                    let _: Result<(), Gone> = self.stopped(stopped, stop, emit);
                    self.tell_rests(emit);
                }
                Ok(Report::Ended(tid, change)) => self.ended(tid, change, emit),
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => break,
                Err(error) => return Err(TraceError::Wait(error)),
            }
        }
        match self.launch.and_then(|launch| launch.failed.map(|errno| (launch.path, errno))) {
            Some((path, errno)) => Err(launch::explain_exec(&path, errno).into()),
            None => Ok(self.outcome),
        }
    }

    /// The next report. The kernel gives that of the first tracee in its list that has one, and the last ones would hardly get a turn
    /// where many are busy: all that is there is taken before any of them goes on.
    fn next_report(&mut self) -> io::Result<Report> {
        if let Some(report) = self.reports.pop_front() {
            return Ok(report);
        }
        let first = match &mut self.slices {
            Some(slices) => slices.wait()?,
            None => tracee::wait()?,
        };
        while self.reports.len() + 1 < self.threads.len()
            && let Some(report) = tracee::poll()
        {
            self.reports.push_back(report);
        }
        Ok(first)
    }

    /// Lets a tracee go on, or go for good where we are ending.
    fn go_on(&mut self, stopped: Stopped, signal: i32, emit: Emit) -> Result<(), Gone> {
        if self.detaching.is_none() {
            return self.resume(stopped, signal);
        }
        let tid = stopped.tid();
        let pid = self.threads.get(&tid).map_or(tid, |thread| thread.pid);
        self.tell_missed(pid, tid, false, emit);
        stopped.detach(signal)?;
        self.threads.remove(&tid);
        emit(Event { at: monotonic(), tid, kind: EventKind::Detached });
        Ok(())
    }

    fn stopped(&mut self, stopped: Stopped, stop: Stop, emit: Emit) -> Result<(), Gone> {
        let tid = stopped.tid();
        if !self.threads.contains_key(&tid) && stop != Stop::Exec {
            self.hold(stopped);
            return Ok(());
        }
        let was_stopped = match self.threads.get_mut(&tid) {
            Some(thread) => std::mem::replace(&mut thread.stopped, matches!(stop, Stop::Group(_))),
            None => false,
        };
        let was_ending = self.wake(tid, stop, emit);
        match stop {
            Stop::Syscall => self.syscall(stopped, emit),
            Stop::Filtered => self.filtered(stopped, emit),
            Stop::Signal(number) => {
                let info = stopped.signal_info();
                if let Ok(info) = info
                    && !self.is_launching(tid)
                {
                    let kind = EventKind::SignalDelivered(delivered(number, &info));
                    emit(Event { at: monotonic(), tid, kind });
                }
                self.go_on(stopped, number, emit)
            }
            Stop::Group(number) => {
                emit(Event { at: monotonic(), tid, kind: EventKind::GroupStopped { signal: number } });
                if self.detaching.is_some() { self.go_on(stopped, 0, emit) } else { stopped.listen() }
            }
            Stop::Event => {
                // A stop by job control ends some calls too, and the program shall see that.
                if !was_stopped {
                    // The end of a rest interrupts no call that waits for a time, unless it had just begun.
                    stopped.forget_interrupt(was_ending)?;
                }
                self.go_on(stopped, 0, emit)
            }
            Stop::Exec => {
                let former = stopped.event_message().map_or(tid, |message| message as Tid);
                let launched = self.is_launching(tid);
                self.exec(tid, former, emit);
                if self.options.detach_on_exec && !launched {
                    self.leave(stopped, emit)
                } else {
                    self.go_on(stopped, 0, emit)
                }
            }
            Stop::Created => {
                if let Ok(child) = stopped.event_message() {
                    self.find_creating_call(&stopped);
                    self.created(tid, child as Tid, emit);
                }
                self.go_on(stopped, 0, emit)
            }
        }
    }

    fn is_launching(&self, tid: Tid) -> bool {
        self.launch.as_ref().is_some_and(|launch| launch.pid == tid)
    }
}

/// A siginfo's common fields (sigaction(2)); the layout is the same on all 64-bit kernels.
fn delivered(number: i32, info: &[u8; 128]) -> Signal {
    let word = |at: usize| i32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let code = word(8);
    // SI_USER, SI_QUEUE and SI_TKILL name their sender, and so does every SIGCHLD.
    let has_sender = matches!(code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL) || number == libc::SIGCHLD;
    Signal {
        number,
        code,
        errno: word(4),
        sender_pid: has_sender.then(|| word(16)),
        sender_uid: has_sender.then(|| word(20) as u32),
        info: info.to_vec(),
    }
}
