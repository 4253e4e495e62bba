//! New threads and processes, which the kernel reports twice: when they first stop, and when their creator's call has made them.
//! Either report may come first, and the creator may be killed before it can give its own.

use renacer_events::{Event, EventKind, Image, Origin, Pid, ProcessStarted, Tid};

use super::{Emit, Process, Thread, Tracer};
use crate::arch::{self, Role};
use crate::proc;
use crate::sys::clock::monotonic;
use crate::tracee::Stopped;

/// A new tracee that waits for its creator's event.
pub(super) struct Newborn {
    stopped: Stopped,
    pub(super) family: Family,
}

/// Where a new tracee belongs, as `/proc` had it when it first stopped.
#[derive(Default)]
pub(super) struct Family {
    /// Its process: itself, or another one where it is a thread.
    process: Option<Pid>,
    /// That process's parent.
    parent: Option<Pid>,
    /// The program that its parent ran, or its process where it is a thread.
    image: Option<Image>,
}

impl Family {
    /// The process that `tid` is a thread or a child of.
    fn nearest(&self, tid: Tid) -> Option<Pid> {
        self.process.filter(|&pid| pid != tid).or(self.parent)
    }
}

/// A new thread or process, as its creator's call describes it.
#[derive(Clone, Copy)]
pub(super) struct Birth {
    creator: Tid,
    /// Whether it is a thread of its creator's process; none when the creating call was not seen.
    is_thread: Option<bool>,
    shares_descriptors: bool,
    /// It has another parent than its creator, or is the first of a pid namespace.
    is_special: bool,
}

impl Tracer {
    /// A tracee that nobody has told of yet: it waits, stopped, until its creator does.
    pub(super) fn hold(&mut self, stopped: Stopped) {
        let tid = stopped.tid();
        let status = proc::status(tid).unwrap_or_default();
        let mut family = Family { process: status.pid, parent: status.parent, image: None };
        family.image = family.nearest(tid).and_then(|pid| Some(self.processes.get(&pid)?.image.clone()));
        self.newborns.insert(tid, Newborn { stopped, family });
    }

    /// `creator` is in the call that made `child`, which is traced already but may or may not have stopped, or even ended. It is told
    /// of at once, while its creator's call is known.
    pub(super) fn created(&mut self, creator: Tid, child: Tid, emit: Emit) {
        if let Some(placement) = &mut self.placement {
            placement.made(creator, child);
        }
        let birth = self.birth(creator);
        self.born(child, Some(birth), Family::default(), emit);
        if let Some(newborn) = self.newborns.remove(&child) {
            let _ = self.go_on(newborn.stopped, 0, emit);
        } else if let Some(change) = self.early_ends.remove(&child)
            // One of that id is there: the end was that of an earlier bearer, whose creator never told of it.
            && proc::status(child).is_none()
        {
            self.ended(child, change, emit);
        }
    }

    fn birth(&self, creator: Tid) -> Birth {
        let call = self.threads.get(&creator).and_then(|thread| thread.call.as_ref());
        let flags = call.and_then(|entry| match arch::role(entry.abi, entry.number)? {
            Role::Fork => Some(0),
            Role::Clone => Some(entry.arguments[0]),
            Role::Clone3 => {
                let bytes = entry.memory.get(entry.arguments[0], 8)?;
                Some(u64::from_ne_bytes(bytes.try_into().ok()?))
            }
            Role::Exec
            | Role::Prctl
            | Role::Namespace
            | Role::Exit
            | Role::Identity
            | Role::Affinity
            | Role::Seccomp => None,
        });
        let has = |flag: i32| flags.map(|flags| flags & flag as u64 != 0);
        Birth {
            creator,
            is_thread: has(libc::CLONE_THREAD),
            shares_descriptors: has(libc::CLONE_FILES).unwrap_or(false),
            is_special: has(libc::CLONE_NEWPID | libc::CLONE_PARENT).unwrap_or(true),
        }
    }

    /// A new tracee is told of. Without a birth its creator was killed before it could tell; then what was seen when it first
    /// stopped has to do.
    pub(super) fn born(&mut self, tid: Tid, birth: Option<Birth>, family: Family, emit: Emit) {
        let at = monotonic();
        let creator = birth.and_then(|birth| Some((birth, self.threads.get(&birth.creator)?)));
        if let Some((birth, thread)) = creator
            && birth.is_thread == Some(true)
        {
            let (pid, name) = (thread.pid, thread.name.clone());
            self.threads.insert(tid, Thread::new(pid, name.clone()));
            let kind = EventKind::ThreadStarted { pid, creator: Some(birth.creator), name };
            emit(Event { at, tid, kind });
            return;
        }
        let name = creator.map(|(_, thread)| thread.name.clone());
        let creator_pid = creator.map(|(_, thread)| thread.pid);
        // The new process of a known one needs no look: it costs as much as several calls, at each fork.
        let ordinary = creator.is_some_and(|(birth, thread)| {
            let known = self
                .processes
                .get(&thread.pid)
                .is_some_and(|process| !process.makes_namespaces && process.image.user_id.is_some());
            known && birth.is_thread == Some(false) && !birth.is_special
        });
        let status = if ordinary {
            proc::Status { pid: Some(tid), parent: creator.map(|(_, thread)| thread.pid), ..Default::default() }
        } else {
            proc::status(tid).unwrap_or_default()
        };
        let pid = family.process.or(status.pid).unwrap_or(tid);
        if pid != tid {
            if !self.processes.contains_key(&pid) {
                // A thread of a process that is gone already: it never ran.
                return;
            }
            let name = name.unwrap_or_else(|| proc::name(tid));
            self.threads.insert(tid, Thread::new(pid, name.clone()));
            let kind = EventKind::ThreadStarted { pid, creator: birth.map(|birth| birth.creator), name };
            emit(Event { at, tid, kind });
            return;
        }
        let Family { parent: family, image: family_image, .. } = family;
        // One whose parent is not among the tracees (any more) descends from the launched program all the same.
        let traced = |pid: &Pid| self.processes.contains_key(pid);
        let parent = creator_pid.or(family.filter(traced)).or(status.parent.filter(traced)).or(self.main);
        let mut image = match parent.and_then(|parent| self.processes.get(&parent)) {
            Some(process) => process.image.clone(),
            None => family_image.unwrap_or_else(|| proc::image(tid)),
        };
        if birth.is_some() && parent.is_some() {
            // Where its parent is by now is told by that one's calls, which the decoder follows.
            image.working_directory = None;
        }
        image.vpid = status.inner_id;
        image.user_id = status.user_id.or(image.user_id);
        if let Some(name) = &name {
            image.name.clone_from(name);
        }
        let origin = match (birth, parent) {
            (Some(birth), Some(pid)) => {
                Origin::Forked { pid, tid: birth.creator, shares_descriptors: birth.shares_descriptors }
            }
            // No thread has the id 0: which one created it is not known.
            (None, Some(pid)) => Origin::Forked { pid, tid: 0, shares_descriptors: false },
            (_, None) => Origin::Attached,
        };
        self.threads.insert(tid, Thread::new(tid, image.name.clone()));
        let mut process = Process::new(image.clone());
        if let Some(parent) = parent.and_then(|parent| self.processes.get(&parent)) {
            (process.filters_itself, process.passes) = (parent.filters_itself, parent.passes);
            process.streams = parent.streams.clone();
        }
        self.processes.insert(tid, process);
        if let Some(walker) = &mut self.stacks {
            walker.started(tid, parent);
        }
        if let Some(source) = &mut self.contexts {
            source.started(tid, parent);
        }
        let mut descriptors = Vec::new();
        let unknown = parent.and_then(|parent| self.processes.get(&parent)).is_some_and(|parent| parent.resting > 0);
        if unknown && !matches!(origin, Origin::Forked { shares_descriptors: true, .. }) {
            // What it has from its parent was not seen to be opened.
            descriptors = proc::descriptors::open(tid);
            image.working_directory = proc::working_directory(tid);
        }
        let started = ProcessStarted { pid: tid, parent_pid: status.parent.or(parent), origin, image, descriptors };
        emit(Event { at, tid, kind: EventKind::ProcessStarted(Box::new(started)) });
    }

    /// A creator that is killed in its call never tells of its child, which would be held for ever: whenever a tracee ends, the held
    /// children whose parent is no tracee (any more) are taken in. Others wait for their creator's event, which is certain to come.
    pub(super) fn adopt(&mut self, emit: Emit) {
        if self.newborns.is_empty() {
            return;
        }
        let held: Vec<Tid> = self.newborns.keys().copied().collect();
        for tid in held {
            let family = self.newborns.get(&tid).and_then(|newborn| newborn.family.nearest(tid));
            let creator_lives = family.is_some_and(|pid| self.threads.values().any(|thread| thread.pid == pid));
            if creator_lives {
                continue;
            }
            if let Some(Newborn { stopped, family }) = self.newborns.remove(&tid) {
                self.born(tid, None, family, emit);
                let _ = self.go_on(stopped, 0, emit);
            }
        }
    }
}
