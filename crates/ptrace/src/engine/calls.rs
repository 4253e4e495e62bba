//! System calls, at their entry and at their return: the hot path.

use renacer_events::{Entry, Event, EventKind, Memory, ReadMemory, Return, Way};

use super::{Emit, Tracer, contexts, placing, stacks, untraced};
use crate::arch::{self, Role};
use crate::capture;
use crate::choice::Fate;
use crate::decode::transfer;
use crate::markers::Markers;
use crate::memory::TraceeMemory;
use crate::placement::Placement;
use crate::sys::clock::monotonic;
use crate::tracee::{self, Gone, Stopped, SyscallInfo};

impl Tracer {
    /// A system call's entry or return.
    pub(super) fn syscall(&mut self, stopped: Stopped, emit: Emit) -> Result<(), Gone> {
        let tid = stopped.tid();
        let info = stopped.syscall_info()?;
        self.place_at(tid, &info);
        let fate = self.fate(tid, &info);
        let goes_by = fate == Fate::Ignored || self.goes_by(tid, &info, emit);
        let Some(thread) = self.threads.get_mut(&tid) else { return self.go_on(stopped, 0, emit) };
        let Some(process) = self.processes.get_mut(&thread.pid) else { return self.go_on(stopped, 0, emit) };
        let is_entry = matches!(info, SyscallInfo::Entry { .. });
        if goes_by || !is_entry && !thread.returns {
            thread.call = None;
            thread.returns = false;
            return self.go_on(stopped, 0, emit);
        }
        // Only where every call is seen is it certain whose a request is.
        let follows_streams = self.contexts.is_some() && self.options.choice.is_none();
        let mut memory = TraceeMemory::new(&stopped, &mut process.memory);
        let (at, kind) = match info {
            SyscallInfo::Entry { arch, number, arguments, instruction_pointer, stack_pointer } => {
                let Some((abi, number)) = arch::abi(arch, number) else {
                    self.outcome.foreign_calls += 1;
                    return self.go_on(stopped, 0, emit);
                };
                let role = arch::role(abi, number);
                let is_stream = process.streams.wants(abi, number, &arguments);
                let options = if is_stream { self.options.capture.of_stream() } else { self.options.capture };
                let copied = capture::at_entry(abi, number, &arguments, stack_pointer, &options, &mut memory);
                if self.markers.is_some()
                    && self.launch.is_none()
                    && let Some(kind) = Markers::entered(abi, number, &arguments, &copied)
                {
                    emit(Event { at: monotonic(), tid, kind });
                }
                let (mut stack, mut context) = (None, None);
                // While a thread of the process rests, nobody knows what is mapped.
                let looks = self.launch.is_none() && process.resting == 0;
                let source = self.contexts.as_deref_mut().filter(|_| looks && fate == Fate::Wanted);
                let mut source = source.and_then(|source| source.publishes(thread.pid, &mut memory).then_some(source));
                let walker =
                    self.stacks.as_deref_mut().filter(|_| looks && (fate == Fate::Wanted || makes_tracees(role)));
                if (walker.is_some() || source.is_some())
                    && let Some(registers) = stopped.registers()?
                {
                    if let Some(source) = &mut source {
                        let pointer = stopped.thread_pointer(&registers);
                        context = source.active(thread.pid, tid, pointer, &mut memory);
                    }
                    stack = walker.and_then(|walker| walker.walk(thread.pid, tid, &registers, &mut memory));
                }
                if let Some(described) = source.and_then(|source| source.described(thread.pid)) {
                    emit(Event { at: monotonic(), tid, kind: EventKind::Described(described) });
                }
                let watched = fate != Fate::Wanted;
                let memory = copied;
                let entry = Entry {
                    abi,
                    number,
                    arguments,
                    instruction_pointer,
                    stack_pointer,
                    memory,
                    stack,
                    context,
                    watched,
                };
                if self.placement.is_some() && placing::looks_at_status(&entry) {
                    process.sees_placement = true;
                    self.placement.as_mut().into_iter().for_each(Placement::reveal);
                }
                thread.call = Some(for_return(&entry));
                thread.returns = fate != Fate::Entered;
                if self.filtered && untraced::asks(&entry) {
                    untraced::take_out(&stopped, &entry);
                    thread.returns = true;
                }
                if is_stream && transfer::way(abi, number) == Some(Way::Out) {
                    process.streams.saw(&entry, &Memory::new(), i64::MAX);
                }
                if role == Some(Role::Identity) {
                    // To be looked up again: which user it is then.
                    process.image.user_id = None;
                }
                (monotonic(), EventKind::Entered(entry))
            }
            SyscallInfo::Exit { value, is_error } => {
                let at = monotonic();
                let call = thread.call.take();
                thread.returns = false;
                let mut renamed = None;
                let memory = match &call {
                    Some(entry) => {
                        if !is_error && arch::role(entry.abi, entry.number) == Some(Role::Prctl) {
                            renamed = new_name(entry, &mut memory);
                        }
                        if self.filtered && untraced::asks(entry) {
                            untraced::put_back(&stopped, entry);
                        }
                        if let Some(walker) = self.stacks.as_deref_mut().filter(|_| !is_error) {
                            stacks::changed(entry, value, |start, length| walker.remapped(thread.pid, start, length));
                        }
                        if let Some(source) = self.contexts.as_deref_mut().filter(|_| self.launch.is_none()) {
                            contexts::returned(source, (thread.pid, tid), entry, (value, is_error), &mut memory);
                        }
                        if let Some(markers) = self.markers.as_mut().filter(|_| !is_error && self.launch.is_none())
                            && let Some(kind) = markers.returned(tid, entry, value, &mut memory)
                        {
                            emit(Event { at, tid, kind });
                        }
                        let is_stream = process.streams.wants(entry.abi, entry.number, &entry.arguments);
                        let options = if is_stream { self.options.capture.of_stream() } else { self.options.capture };
                        let copied = capture::at_return(entry, value, is_error, &options, &mut memory);
                        if is_stream && transfer::way(entry.abi, entry.number) == Some(Way::In) {
                            process.streams.saw(entry, &copied, value);
                        }
                        if follows_streams {
                            process.streams.returned(entry, value, is_error);
                        }
                        copied
                    }
                    None => Memory::new(),
                };
                if call.as_ref().is_some_and(|entry| arch::role(entry.abi, entry.number) == Some(Role::Namespace)) {
                    process.makes_namespaces = true;
                }
                if let Some(name) = renamed {
                    thread.name.clone_from(&name);
                    emit(Event { at, tid, kind: EventKind::Renamed(name) });
                }
                if call.is_some_and(|entry| !is_error && installs_filter(&entry)) {
                    self.filters_itself(tid);
                }
                (at, EventKind::Returned(Return { value, is_error, memory }))
            }
            SyscallInfo::None => return self.go_on(stopped, 0, emit),
        };
        let event = Event { at, tid, kind };
        if self.is_launching(tid) {
            self.launching(event);
            return self.go_on(stopped, 0, emit);
        }
        if self.detaching.is_some() {
            let interrupted =
                matches!(&event.kind, EventKind::Returned(returned) if returned.value == -i64::from(libc::EINTR));
            emit(event);
            if interrupted {
                // This stop has taken the place of the one that was asked for. At that, it is told to go on with the call.
                tracee::interrupt(tid)?;
                return stopped.run_on(0);
            }
            return self.go_on(stopped, 0, emit);
        }
        let resumed = self.resume(stopped, 0);
        emit(event);
        resumed
    }

    /// A call of the launched process before it runs the program: only its exec is of interest, and only if it succeeds.
    fn launching(&mut self, mut event: Event) {
        let Some(launch) = &mut self.launch else { return };
        match &event.kind {
            EventKind::Entered(entry) if arch::role(entry.abi, entry.number) == Some(Role::Exec) => {
                launch.exec_seen = true;
                if let Some(started) = launch.held.first_mut() {
                    started.at = event.at;
                }
                event.at += 1;
                launch.held.push(event);
            }
            EventKind::Entered(entry) if arch::role(entry.abi, entry.number) == Some(Role::Seccomp) => {
                launch.asks_for_filter = true;
            }
            EventKind::Returned(returned) if launch.asks_for_filter => {
                launch.asks_for_filter = false;
                if !returned.is_error {
                    self.filtered = true;
                    self.outcome.filter_refused = false;
                }
            }
            EventKind::Returned(returned) if launch.exec_seen && returned.is_error => {
                launch.failed = Some(-returned.value as i32);
                launch.held.clear();
                launch.exec_seen = false;
            }
            _ => {}
        }
    }
}

/// Whether the call makes threads or processes, which may have their stack from it.
pub(super) fn makes_tracees(role: Option<Role>) -> bool {
    matches!(role, Some(Role::Fork | Role::Clone | Role::Clone3))
}

/// Whether a successful call of this kind installs a seccomp filter.
fn installs_filter(entry: &Entry) -> bool {
    // SECCOMP_SET_MODE_STRICT and SECCOMP_SET_MODE_FILTER are 0 and 1, other operations ask.
    match arch::role(entry.abi, entry.number) {
        Some(Role::Seccomp) => entry.arguments[0] as u32 <= 1,
        Some(Role::Prctl) => entry.arguments[0] as i32 == libc::PR_SET_SECCOMP,
        _ => false,
    }
}

/// What has to be known of a call when it returns, or when it creates a process: seldom what it got.
fn for_return(entry: &Entry) -> Entry {
    let needs_memory = capture::return_needs_memory(entry) || arch::role(entry.abi, entry.number) == Some(Role::Clone3);
    let memory = if needs_memory { entry.memory.clone() } else { Memory::new() };
    Entry { memory, stack: None, context: None, ..*entry }
}

/// prctl(PR_SET_NAME, pointer): up to 15 bytes and a NUL.
fn new_name(entry: &Entry, memory: &mut impl ReadMemory) -> Option<String> {
    if entry.arguments[0] as i32 != libc::PR_SET_NAME {
        return None;
    }
    let mut bytes = [0; 15];
    let count = memory.read(entry.arguments[1], &mut bytes);
    let name = bytes[..count].split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}
