//! The bounded queue between two stages.
//!
//! Waking a sleeping thread costs more than all other work on an event (on an idle virtual core, tens of microseconds), so
//! the receiver is not woken for each item: it takes all that has gathered, then leaves the sender alone for a while.
//! A full queue makes the sender wait; the wait is measured.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The other end is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Signalled when the receiver has made room.
    room: Condvar,
    /// Signalled when there is something to take.
    filled: Condvar,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    /// The receiver sleeps until there is an item.
    receiver_idle: bool,
    /// The sender sleeps until there is room.
    sender_waits: bool,
    sender_gone: bool,
    receiver_gone: bool,
    waited: Duration,
}

/// The end that puts items in.
pub struct Sender<T>(Arc<Shared<T>>);
/// The end that takes them out.
pub struct Receiver<T>(Arc<Shared<T>>);

/// A queue with room for `capacity` items (at least 1).
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            items: VecDeque::new(),
            receiver_idle: false,
            sender_waits: false,
            sender_gone: false,
            receiver_gone: false,
            waited: Duration::ZERO,
        }),
        room: Condvar::new(),
        filled: Condvar::new(),
        capacity: capacity.max(1),
    });
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Every critical section leaves the state consistent, so a panic elsewhere is no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Adds an item, waiting while the queue is full. Fails when the receiver is gone.
    pub fn send(&self, item: T) -> Result<(), Closed> {
        let mut state = self.0.lock();
        if state.items.len() >= self.0.capacity && !state.receiver_gone {
            let start = Instant::now();
            while state.items.len() >= self.0.capacity && !state.receiver_gone {
                state.sender_waits = true;
                self.0.filled.notify_one();
                state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.waited += start.elapsed();
        }
        self.put(state, item)
    }

    fn put(&self, mut state: MutexGuard<'_, State<T>>, item: T) -> Result<(), Closed> {
        if state.receiver_gone {
            return Err(Closed);
        }
        state.items.push_back(item);
        // Half full: do not let the receiver linger.
        if state.receiver_idle || state.items.len() == self.0.capacity / 2 {
            state.receiver_idle = false;
            drop(state);
            self.0.filled.notify_one();
        }
        Ok(())
    }

    /// Adds an item although the queue may be full; waits only where twice as many are in it as there should be.
    pub fn send_over(&self, item: T) -> Result<(), Closed> {
        let state = self.0.lock();
        if state.items.len() >= 2 * self.0.capacity {
            drop(state);
            return self.send(item);
        }
        self.put(state, item)
    }

    /// Whether there is room for many more: not within the last eighth.
    pub fn has_room(&self) -> bool {
        self.0.lock().items.len() < self.0.capacity - self.0.capacity / 8
    }

    /// How long the sender has waited for room so far.
    pub fn waited(&self) -> Duration {
        self.0.lock().waited
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().sender_gone = true;
        self.0.filled.notify_one();
    }
}

impl<T> Receiver<T> {
    /// Takes all items into `batch` (which must be empty), in order. Waits until there is one, then for up to `linger` so that more can gather.
    /// Fails when the sender is gone and everything has been taken.
    pub fn take_all(&self, batch: &mut VecDeque<T>, linger: Duration) -> Result<(), Closed> {
        let mut state = self.0.lock();
        while state.items.is_empty() {
            if state.sender_gone {
                return Err(Closed);
            }
            state.receiver_idle = true;
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.receiver_idle = false;
        let deadline = Instant::now() + linger;
        while !state.sender_gone && !state.sender_waits && state.items.len() < self.0.capacity / 2 {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                break;
            };
            state = self.0.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.items, batch);
        self.made_room(state);
        Ok(())
    }

    /// Takes one item, waiting for it at most until `deadline` (for ever if none). `Ok(None)` when the time is up.
    pub fn take(&self, deadline: Option<Instant>) -> Result<Option<T>, Closed> {
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                self.made_room(state);
                return Ok(Some(item));
            }
            if state.sender_gone {
                return Err(Closed);
            }
            state.receiver_idle = true;
            match deadline {
                None => state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.receiver_idle = false;
                        return Ok(None);
                    }
                    state = self.0.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn made_room(&self, mut state: MutexGuard<'_, State<T>>) {
        let wake = std::mem::take(&mut state.sender_waits);
        drop(state);
        if wake {
            self.0.room.notify_one();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.lock().receiver_gone = true;
        self.0.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_in_order_through_a_small_queue() {
        let (sender, receiver) = channel(4);
        let producer = std::thread::spawn(move || {
            for number in 0..10_000 {
                sender.send(number).unwrap();
            }
        });
        let (mut seen, mut batch) = (Vec::new(), VecDeque::new());
        while receiver.take_all(&mut batch, Duration::from_millis(1)).is_ok() {
            seen.extend(batch.drain(..));
        }
        producer.join().unwrap();
        assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_sender_learns_that_the_receiver_is_gone_even_while_it_waits() {
        let (sender, receiver) = channel(1);
        sender.send(1).unwrap();
        let waiting = std::thread::spawn(move || sender.send(2));
        std::thread::sleep(Duration::from_millis(20));
        drop(receiver);
        assert_eq!(waiting.join().unwrap(), Err(Closed));
    }

    #[test]
    fn take_gives_up_at_its_deadline() {
        let (_sender, receiver) = channel::<u8>(1);
        assert_eq!(receiver.take(Some(Instant::now() + Duration::from_millis(5))), Ok(None));
    }

    /// More than any test takes: whoever waits this long hangs.
    const FOR_EVER: Duration = Duration::from_secs(3600);

    #[test]
    fn there_is_never_more_in_it_than_its_capacity() {
        let (sender, receiver) = channel(4);
        let producer = std::thread::spawn(move || (0..1000).try_for_each(|number| sender.send(number)));
        let mut batch = VecDeque::new();
        let mut taken = 0;
        while receiver.take_all(&mut batch, Duration::from_micros(50)).is_ok() {
            assert!((1..=4).contains(&batch.len()), "{batch:?}");
            taken += batch.len();
            batch.clear();
        }
        assert_eq!((taken, producer.join().unwrap()), (1000, Ok(())));
    }

    #[test]
    fn what_is_left_can_be_taken_after_the_sender_is_gone() {
        let (sender, receiver) = channel(4);
        for number in 1..=3 {
            sender.send(number).unwrap();
        }
        drop(sender);
        assert_eq!(receiver.take(None), Ok(Some(1)));
        let mut batch = VecDeque::new();
        assert_eq!(receiver.take_all(&mut batch, FOR_EVER), Ok(()));
        assert_eq!(batch, [2, 3]);
        assert_eq!(receiver.take_all(&mut VecDeque::new(), FOR_EVER), Err(Closed));
        assert_eq!(receiver.take(Some(Instant::now() + FOR_EVER)), Err(Closed));
    }

    #[test]
    fn a_waiting_sender_goes_on_when_there_is_room_and_its_wait_is_measured() {
        let (sender, receiver) = channel(1);
        sender.send(1).unwrap();
        assert_eq!(sender.waited(), Duration::ZERO);
        let waiting = std::thread::spawn(move || (sender.send(2), sender.waited()));
        while !receiver.0.lock().sender_waits {
            std::thread::yield_now();
        }
        assert_eq!(receiver.take(None), Ok(Some(1)));
        assert_eq!(receiver.take(None), Ok(Some(2)));
        let (sent, waited) = waiting.join().unwrap();
        assert_eq!(sent, Ok(()));
        assert!(waited > Duration::ZERO);
    }

    #[test]
    fn a_lingering_receiver_wakes_when_it_is_half_full_and_when_the_sender_is_gone() {
        let (sender, receiver) = channel(8);
        let producer = std::thread::spawn(move || {
            (0..4).for_each(|number| sender.send(number).unwrap());
            sender
        });
        let mut batch = VecDeque::new();
        assert_eq!(receiver.take_all(&mut batch, FOR_EVER), Ok(()));
        assert_eq!(batch, [0, 1, 2, 3]);
        let sender = producer.join().unwrap();
        sender.send(4).unwrap();
        let producer = std::thread::spawn(move || drop(sender));
        batch.clear();
        assert_eq!(receiver.take_all(&mut batch, FOR_EVER), Ok(()));
        assert_eq!(batch, [4]);
        producer.join().unwrap();
    }

    #[test]
    fn a_sleeping_receiver_wakes_for_one_item() {
        let (sender, receiver) = channel(8);
        let taking = std::thread::spawn(move || receiver.take(None));
        while !sender.0.lock().receiver_idle {
            std::thread::yield_now();
        }
        sender.send(5).unwrap();
        assert_eq!(taking.join().unwrap(), Ok(Some(5)));
    }
}
