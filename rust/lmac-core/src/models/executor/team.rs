//! `Team`: threads that share work so small that waking one would take longer.
//!
//! A step of one lane takes some microseconds and meets a dozen times, once for every matrix. So
//! the threads of a team watch for work for a while after the last they had, and only then
//! sleep. The caller does one share itself, and afterwards those that nobody has begun: a thread
//! that sleeps, or that the system gave no processor, is not waited for. (That is also why an
//! executor works, alone, in a process that was forked from the one with the threads.)

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::Thread;

/// How often a thread looks for work before it sleeps: some tenths of a millisecond.
const WATCHES: u32 = 1 << 13;

/// How long the caller waits for a worker before it takes it for interrupted: some 50 microseconds.
const PATIENCE: u32 = 1 << 11;

/// How many times a team whose worker was interrupted is not at hand: some 20 milliseconds. The
/// system has other work for the processors, and gives it their time for milliseconds at a stretch;
/// whoever waits for that again and again is better off alone.
const PAUSE: u32 = 1 << 14;

/// What a worker and the caller tell each other.
mod state {
    /// The worker has nothing to do and watches.
    pub const IDLE: u8 = 0;
    /// There is a share for the worker, which nobody has begun.
    pub const OFFERED: u8 = 1;
    /// The worker does its share.
    pub const TAKEN: u8 = 2;
    /// The worker has nothing to do and sleeps.
    pub const ASLEEP: u8 = 3;
    /// The worker is to end.
    pub const OVER: u8 = 4;
}

/// The caller's thread and its workers.
#[derive(Debug, Default)]
pub(super) struct Team {
    workers: Vec<Worker>,
    /// How many more times `threads_at_hand` says that the caller is alone.
    pause: u32,
}

#[derive(Debug)]
struct Worker {
    mailbox: Arc<Mailbox>,
    thread: Thread,
}

/// On cache lines of its own (two: they are fetched in pairs), since two threads watch it.
#[derive(Debug)]
#[repr(align(128))]
struct Mailbox {
    state: AtomicU8,
    panicked: AtomicBool,
    share: UnsafeCell<Share>,
}

// SAFETY: `share` is written by the caller in state IDLE or ASLEEP, when the worker does not look
// at it, and read by the worker in state TAKEN, when the caller does not touch it.
unsafe impl Sync for Mailbox {}

/// A task and the function to call with it, their types forgotten.
#[derive(Debug, Clone, Copy)]
struct Share {
    run: unsafe fn(work: *const (), task: *mut ()),
    work: *const (),
    task: *mut (),
}

// SAFETY: `for_each` makes shares of a `Sync` function and a `Send` task.
unsafe impl Send for Share {}

impl Team {
    /// The caller and `threads - 1` workers, or as many as the system has threads left.
    pub fn new(threads: usize) -> Self {
        let workers = (1..threads).map_while(|_| Worker::new().ok());
        Self {
            workers: workers.collect(),
            pause: 0,
        }
    }

    /// How many threads there are, the caller's included.
    pub fn threads(&self) -> usize {
        1 + self.workers.len()
    }

    /// How many threads will answer at once, as far as one can tell: all, or the caller alone.
    pub fn threads_at_hand(&mut self) -> usize {
        match self.pause.checked_sub(1) {
            None => self.threads(),
            Some(pause) => {
                self.pause = pause;
                1
            }
        }
    }

    /// Works on all tasks, of which there are at most as many as threads, and waits for the end.
    ///
    /// # Panics
    ///
    /// If there are more tasks than threads, or if `work` panics.
    pub fn for_each<T: Send, W: Fn(&mut T) + Sync>(&mut self, tasks: &mut [T], work: W) {
        assert!(tasks.len() <= self.threads(), "a task for every thread");
        let Some((first, others)) = tasks.split_first_mut() else {
            return;
        };
        let offers = Offers {
            workers: &self.workers[..others.len()],
        };
        for (worker, task) in offers.workers.iter().zip(others) {
            worker.offer(Share {
                run: run::<T, W>,
                work: (&raw const work).cast(),
                task: std::ptr::from_mut(task).cast(),
            });
        }
        work(first);
        if offers.settle() {
            self.pause = PAUSE;
        }
        for worker in &self.workers {
            let panicked = worker.mailbox.panicked.swap(false, Ordering::Relaxed);
            assert!(!panicked, "a share of the work panicked");
        }
    }
}

/// Calls a `W` with a `T`.
///
/// # Safety
///
/// `work` points to a `W` and `task` to a `T` that nobody else uses.
unsafe fn run<T, W: Fn(&mut T)>(work: *const (), task: *mut ()) {
    // SAFETY: the caller's promise.
    unsafe { (*work.cast::<W>())(&mut *task.cast::<T>()) }
}

/// Shares under way. They point into the frame of `for_each`, which must not be left before they
/// are done, not even by a panic: hence the destructor.
struct Offers<'a> {
    workers: &'a [Worker],
}

impl Offers<'_> {
    /// Returns whether a worker was so late that it must have been interrupted.
    fn settle(&self) -> bool {
        self.workers
            .iter()
            .fold(false, |late, worker| late | worker.settle())
    }
}

impl Drop for Offers<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Worker {
    fn new() -> std::io::Result<Self> {
        unsafe fn nothing(_work: *const (), _task: *mut ()) {}
        let mailbox = Arc::new(Mailbox {
            state: AtomicU8::new(state::IDLE),
            panicked: AtomicBool::new(false),
            share: UnsafeCell::new(Share {
                run: nothing,
                work: std::ptr::null(),
                task: std::ptr::null_mut(),
            }),
        });
        let of_thread = mailbox.clone();
        let builder = std::thread::Builder::new().name("lmac".to_string());
        let handle = builder.spawn(move || of_thread.serve())?;
        let thread = handle.thread().clone();
        Ok(Self { mailbox, thread })
    }

    /// Offers a share to a worker that has none.
    fn offer(&self, share: Share) {
        // SAFETY: the state is IDLE or ASLEEP: `settle` has waited for it.
        unsafe { *self.mailbox.share.get() = share };
        self.send(state::OFFERED);
    }

    /// Does the share if the worker has not begun, else waits for the worker; returns whether that took
    /// too long. A worker without a share is settled.
    fn settle(&self) -> bool {
        let mut watches = 0;
        loop {
            // Only looking, as a rule: an attempt to change the state would take the cache line from
            // the worker, who is about to write it.
            match self.mailbox.state.load(Ordering::Acquire) {
                state::TAKEN => watch(&mut watches),
                state::OFFERED if self.mailbox.moves(state::OFFERED, state::IDLE) => {
                    self.mailbox.do_share();
                    return false;
                }
                state::OFFERED => {} // the worker was quicker
                _ => return watches > PATIENCE,
            }
        }
    }

    fn send(&self, message: u8) {
        let previous = self.mailbox.state.swap(message, Ordering::AcqRel);
        if previous == state::ASLEEP {
            self.thread.unpark();
        }
    }
}

impl Drop for Worker {
    /// Does not wait for the end: in a forked process, where there is no thread, that would take for ever.
    fn drop(&mut self) {
        self.send(state::OVER);
    }
}

impl Mailbox {
    /// What a worker does all its life.
    fn serve(&self) {
        let mut watches = 0;
        loop {
            match self.state.load(Ordering::Relaxed) {
                state::OVER => return,
                state::OFFERED if self.moves(state::OFFERED, state::TAKEN) => {
                    self.do_share();
                    self.state.store(state::IDLE, Ordering::Release);
                    watches = 0;
                }
                state::IDLE if watches >= WATCHES => {
                    if self.moves(state::IDLE, state::ASLEEP) {
                        while self.state.load(Ordering::Relaxed) == state::ASLEEP {
                            std::thread::park();
                        }
                    }
                    watches = 0;
                }
                _ => watch(&mut watches),
            }
        }
    }

    /// Does the share, by whichever thread has moved it on from OFFERED.
    fn do_share(&self) {
        // SAFETY: whoever takes an offered share is the only one to look at it.
        let share = unsafe { *self.share.get() };
        // SAFETY: `for_each` made the share of its own arguments, and waits until it is done.
        let run = || unsafe { (share.run)(share.work, share.task) };
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }

    fn moves(&self, from: u8, to: u8) -> bool {
        let moved = self
            .state
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed);
        moved.is_ok()
    }
}

/// Lets a moment pass; now and then, lets another thread have the processor.
fn watch(watches: &mut u32) {
    *watches += 1;
    if watches.is_multiple_of(256) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        for threads in 1..=5 {
            let mut team = Team::new(threads);
            let mut tasks = vec![0_u64; threads];
            for round in 0..2000 {
                let count = round as usize % (threads + 1);
                team.for_each(&mut tasks[..count], |task| *task += round);
                if round % 500 == 0 {
                    // Long enough for the workers to fall asleep.
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
            for (index, &task) in tasks.iter().enumerate() {
                let rounds = (0..2000_u64).filter(|round| index < *round as usize % (threads + 1));
                assert_eq!(
                    task,
                    rounds.sum::<u64>(),
                    "task {index} of {threads} threads"
                );
            }
        }
    }

    #[test]
    fn a_panic_of_any_task_reaches_the_caller_after_all_have_ended() {
        for guilty in 0..3 {
            let mut team = Team::new(3);
            let mut tasks = [(0, 0_u32), (1, 0), (2, 0)];
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.for_each(&mut tasks, |(index, done)| {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    assert_ne!(*index, guilty);
                    *done += 1;
                });
            }));
            assert!(result.is_err());
            assert_eq!(tasks.iter().map(|task| task.1).sum::<u32>(), 2);
        }
    }
}
