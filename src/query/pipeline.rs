//! Input, work and output overlap, and their memory must stay bounded: one thread makes batches, the pool works on
//! them, and one thread writes the results in order.
//!
//! A batch is charged before it is made, and until its result is written. A slow writer blocks the workers, and they
//! block the reader.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use serde::Serialize;

use crate::memory::buffers::{BufferStatistics, ReorderBuffer, Waits};
use crate::memory::{Budget, Component, Reservation, pool_reuses};
use crate::{Error, Result};

/// How much a pipeline may have in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PipelineConfig {
    /// Bytes of all batches in flight, from before a batch is made until its result is written. A batch that is larger
    /// passes alone.
    pub channel_bytes: u64,
    /// Share of `channel_bytes`, 0 to 1, that results may take that wait for the one before them. Above it, a worker
    /// waits with its result, unless that is the next one.
    pub back_pressure: f64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self { channel_bytes: 16 << 20, back_pressure: 0.5 }
    }
}

impl PipelineConfig {
    /// For batches of `batch_bytes`: a quarter of the budget, and no more than keep all threads, reader and writer
    /// busy.
    pub(crate) fn for_batches(budget: &Budget, batch_bytes: u64) -> Self {
        let threads = rayon::current_num_threads() as u64;
        let channel_bytes = (budget.limit() / 4).min((threads + 4).saturating_mul(batch_bytes));
        Self { channel_bytes, ..Self::default() }
    }

    /// Bytes of results that may wait for the one before them.
    fn waiting_bytes(&self) -> u64 {
        (self.channel_bytes as f64 * self.back_pressure.clamp(0.0, 1.0)) as u64
    }
}

/// What passed through a pipeline, and who waited. All but `batches` depends on threads, memory and the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PipelineStatistics {
    /// Batches that the producer sent to the workers.
    pub batches: u64,
    /// Maximum batches in flight: sent, and their results not written yet.
    pub max_batches: u64,
    /// Maximum bytes in flight.
    pub max_bytes: u64,
    /// Maximum results that waited for the one before them.
    pub max_waiting_batches: u64,
    /// Maximum bytes of results that waited for the one before them.
    pub max_waiting_bytes: u64,
    /// How often the producer waited for space: the workers or the consumer are slower.
    pub producer_waits: u64,
    /// Time of these waits, in microseconds.
    pub producer_wait_microseconds: u64,
    /// How often a worker waited with a result that others had to precede.
    pub worker_waits: u64,
    /// Time of these waits, in microseconds.
    pub worker_wait_microseconds: u64,
    /// How often the consumer waited for a result: the producer or the workers are slower.
    pub consumer_waits: u64,
    /// Time of these waits, in microseconds.
    pub consumer_wait_microseconds: u64,
    /// Buffers that were taken from a pool instead of being allocated, by all threads of the process meanwhile.
    pub pool_reuses: u64,
}

impl PipelineStatistics {
    /// The waits of a producer, and those at the buffer of results.
    fn of_waits(producer: &Waits, results: &BufferStatistics) -> Self {
        let BufferStatistics { puts, takes, max_items, max_bytes } = results;
        let microseconds = |waits: &Waits| u64::try_from(waits.time.as_micros()).unwrap_or(u64::MAX);
        Self {
            max_waiting_batches: *max_items,
            max_waiting_bytes: *max_bytes,
            producer_waits: producer.count,
            producer_wait_microseconds: microseconds(producer),
            worker_waits: puts.count,
            worker_wait_microseconds: microseconds(puts),
            consumer_waits: takes.count,
            consumer_wait_microseconds: microseconds(takes),
            ..Self::default()
        }
    }
}

/// Counts batches in flight, and the waits for space.
#[derive(Debug, Default)]
struct BatchCounter {
    sent: AtomicU64,
    written: AtomicU64,
    max: AtomicU64,
    waits: Mutex<Waits>,
}

impl BatchCounter {
    fn count_sent(&self) {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        self.max.fetch_max(sent.saturating_sub(self.written.load(Ordering::Relaxed)), Ordering::Relaxed);
    }
}

/// Items that are processed together.
pub(crate) struct Batch<T> {
    /// From 0, in the order in which they were made.
    pub(crate) id: u64,
    pub(crate) items: T,
    pub(crate) charge: Charge,
}

/// The memory of a batch: a part of the bytes in flight, and of the budget.
pub(crate) struct Charge {
    // Dropped first: a thread that gets `in_flight` then finds this free.
    reservation: Reservation,
    in_flight: Reservation,
}

impl Charge {
    /// Changes both to the bytes in use.
    pub(crate) fn resize(&mut self, bytes: u64) {
        self.reservation.resize(bytes);
        self.in_flight.resize(bytes);
    }

    /// Bytes of the budget.
    pub(crate) fn reserved(&self) -> u64 {
        self.reservation.bytes()
    }

    /// Changes the bytes of the budget to those in use; those in flight stay at what the batch may grow to.
    pub(crate) fn set_reserved(&mut self, bytes: u64) {
        self.reservation.resize(bytes);
    }
}

/// The entrance of the batches.
pub(crate) struct Feed<T> {
    sender: Sender<Batch<T>>,
    in_flight: Budget,
    budget: Budget,
    next: u64,
    counter: Arc<BatchCounter>,
}

impl<T> Feed<T> {
    /// Waits until `bytes` more may be in flight. A batch that is larger than the limit passes alone.
    pub(crate) fn admit(&self, bytes: u64) -> Charge {
        let waits = self.in_flight.would_wait(bytes) || self.budget.would_wait(bytes);
        let start = waits.then(Instant::now);
        let in_flight = self.in_flight.wait(Component::Batches, bytes);
        let charge = Charge { in_flight, reservation: self.budget.wait(Component::Batches, bytes) };
        start.into_iter().for_each(|start| self.counter.waits.lock().add_since(start));
        charge
    }

    /// Sends the next batch; false if the workers have stopped.
    pub(crate) fn send(&mut self, items: T, charge: Charge) -> bool {
        let id = self.next;
        self.next += 1;
        self.counter.count_sent();
        self.sender.send(Batch { id, items, charge }).is_ok()
    }
}

fn receive<T>(receiver: &Mutex<Receiver<Batch<T>>>) -> Option<Batch<T>> {
    receiver.lock().recv().ok()
}

/// Runs `read` and `write` on threads of their own and as many workers as the pool has threads, each made by `worker`.
/// A worker resizes the batch's charge to the bytes of its result.
///
/// # Errors
/// The first of a worker, else that of `write`, else that of `read`.
pub(crate) fn in_batches<I, O, W>(
    budget: &Budget,
    config: &PipelineConfig,
    read: impl FnOnce(&mut Feed<I>) -> Result<()> + Send,
    worker: impl Fn() -> W + Sync,
    write: impl FnOnce(&mut dyn Iterator<Item = O>) -> Result<()> + Send,
) -> Result<PipelineStatistics>
where
    I: Send,
    O: Send,
    W: FnMut(u64, I, &mut Charge) -> Result<O>,
{
    let reuses = pool_reuses();
    let (counter, in_flight) = (Arc::new(BatchCounter::default()), Budget::new(config.channel_bytes));
    // Results that wait here are charged already; the bound keeps workers together.
    let window = ReorderBuffer::new(config.waiting_bytes());
    let (sender, receiver) = channel();
    let mut feed =
        Feed { sender, in_flight: in_flight.clone(), budget: budget.clone(), next: 0, counter: Arc::clone(&counter) };
    let failure = Mutex::new(None);
    let outcome = std::thread::scope(|scope| {
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let start_error = |e| Error::thread("batches", e);
        let reader = spawn("reader").spawn_scoped(scope, move || read(&mut feed)).map_err(start_error)?;
        let writer = spawn("writer")
            .spawn_scoped(scope, || {
                let _discarding = window.discard_on_drop();
                // A charge ends when the next item is requested: then its own is written.
                let mut charged = None;
                write(&mut std::iter::from_fn(|| {
                    if let Some(charge) = charged.take() {
                        // Before its memory is free for the next batch.
                        counter.written.fetch_add(1, Ordering::Relaxed);
                        drop(charge);
                    }
                    let (output, charge) = window.take()?;
                    charged = Some(charge);
                    Some(output)
                }))
            })
            .map_err(start_error)?;
        {
            // Dropped when the workers end, by a panic too, so that neither thread waits for ever.
            let receiver = Mutex::new(receiver);
            let _closing = window.close_on_drop();
            rayon::scope(|scope| {
                for _ in 0..rayon::current_num_threads() {
                    scope.spawn(|_| work_on_batches(&receiver, &window, &failure, worker()));
                }
            });
        }
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (read, written) = (join(reader), join(writer));
        match failure.into_inner() {
            Some(e) => Err(e),
            None => written.and(read),
        }
    });
    let waits = *counter.waits.lock();
    outcome.map(|()| PipelineStatistics {
        batches: counter.sent.load(Ordering::Relaxed),
        max_batches: counter.max.load(Ordering::Relaxed),
        max_bytes: in_flight.peak(),
        pool_reuses: pool_reuses() - reuses,
        ..PipelineStatistics::of_waits(&waits, &window.statistics())
    })
}

/// Receives batches, works on each and puts the results into `window`, until the reader ends or nobody takes results.
fn work_on_batches<I, O>(
    receiver: &Mutex<Receiver<Batch<I>>>,
    window: &ReorderBuffer<(O, Charge)>,
    failure: &Mutex<Option<Error>>,
    mut work: impl FnMut(u64, I, &mut Charge) -> Result<O>,
) {
    // A batch that a panic ends is never written, and none after it.
    let discarding_on_panic = window.discard_on_drop();
    while let Some(Batch { id, items, mut charge }) = receive(receiver) {
        match work(id, items, &mut charge) {
            Ok(output) => {
                let bytes = charge.reservation.bytes();
                if !window.put(id, (output, charge), bytes) {
                    break;
                }
            }
            Err(e) => {
                failure.lock().get_or_insert(e);
                window.discard();
            }
        }
    }
    // Receive all that the reader still sends, so that it ends.
    if window.is_closed() {
        while receive(receiver).is_some() {}
    }
    std::mem::forget(discarding_on_panic);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    const BATCH: u64 = 1000;

    fn channel_of(channel_bytes: u64) -> PipelineConfig {
        PipelineConfig { channel_bytes, ..PipelineConfig::default() }
    }

    /// Runs 200 batches whose writer stops at the first until `expected` are read, and some time more. Returns how many
    /// were read by then.
    fn read_while_the_writer_waits(budget: &Budget, max_bytes: u64, expected: u64) -> u64 {
        let (read, stood) = (AtomicU64::new(0), AtomicU64::new(0));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
        let outcome = pool.install(|| {
            in_batches(
                budget,
                &channel_of(max_bytes),
                |feed: &mut Feed<u64>| {
                    for number in 0..200 {
                        let charge = feed.admit(BATCH);
                        read.fetch_add(1, Ordering::SeqCst);
                        assert!(feed.send(number, charge));
                    }
                    Ok(())
                },
                || {
                    |id: u64, number: u64, charge: &mut Charge| {
                        charge.resize(BATCH);
                        Ok((id, number))
                    }
                },
                |outputs| {
                    let first = outputs.next();
                    assert_eq!(first, Some((0, 0)));
                    let deadline = Instant::now() + Duration::from_secs(30);
                    while read.load(Ordering::SeqCst) < expected && Instant::now() < deadline {
                        std::thread::yield_now();
                    }
                    std::thread::sleep(Duration::from_millis(30));
                    stood.store(read.load(Ordering::SeqCst), Ordering::SeqCst);
                    assert!(outputs.eq((1..200).map(|n| (n, n))), "all others come, in order");
                    Ok(())
                },
            )
        });
        let statistics = outcome.expect("no error");
        assert_eq!((read.into_inner(), statistics.batches), (200, 200));
        assert!((1..=expected).contains(&statistics.max_batches), "{statistics:?}");
        assert!(statistics.max_bytes <= max_bytes.max(BATCH), "{statistics:?}");
        assert!(statistics.max_waiting_batches <= expected && statistics.producer_waits > 0, "{statistics:?}");
        stood.into_inner()
    }

    #[test]
    fn read_ahead_shrinks_with_the_budget_and_nothing_waits_for_ever() {
        let check = |budget: &Budget, max_bytes, expected| {
            assert_eq!(read_while_the_writer_waits(budget, max_bytes, expected), expected, "{max_bytes} B in flight");
        };
        let plenty = Budget::new(1 << 30);
        check(&plenty, 64 * BATCH, 64);
        check(&plenty, 16 * BATCH, 16);
        check(&plenty, 2 * BATCH, 2);
        // One batch is larger than the limit: one at a time.
        check(&plenty, BATCH / 2, 1);
        assert_eq!(plenty.peak(), 64 * BATCH);
        // The budget of the run limits it too.
        let tight = Budget::new(5 * BATCH + 500);
        check(&tight, 64 * BATCH, 5);
        assert_eq!((tight.free(), tight.peak()), (5 * BATCH + 500, 5 * BATCH));
        check(&Budget::new(10), 64 * BATCH, 1);
    }

    /// Sends numbers as batches, until one is an error or the workers stop.
    fn send_all(feed: &mut Feed<u64>, numbers: impl Iterator<Item = Result<u64>>) -> Result<()> {
        for number in numbers {
            let number = number?;
            let charge = feed.admit(BATCH);
            if !feed.send(number, charge) {
                break;
            }
        }
        Ok(())
    }

    #[test]
    fn an_error_anywhere_ends_all() {
        let failing = |at: &'static str, back_pressure| {
            let budget = Budget::new(10 * BATCH);
            let error = || Error::Usage(at.to_owned());
            let outcome = in_batches(
                &budget,
                &PipelineConfig { back_pressure, ..channel_of(10 * BATCH) },
                |feed| {
                    let number = |number| if at == "read" && number == 50 { Err(error()) } else { Ok(number) };
                    send_all(feed, (0..1000).map(number))
                },
                || {
                    |_: u64, number: u64, _: &mut Charge| {
                        if at == "work" && number == 50 { Err(error()) } else { Ok(number) }
                    }
                },
                |outputs| {
                    for output in outputs {
                        if at == "write" && output == 50 {
                            return Err(error());
                        }
                    }
                    Ok(())
                },
            );
            assert!(matches!(outcome, Err(Error::Usage(text)) if text == at));
            assert_eq!(budget.free(), 10 * BATCH);
        };
        for at in ["read", "work", "write"] {
            [0.0, 0.5, 1.0].into_iter().for_each(|back_pressure| failing(at, back_pressure));
        }
    }

    #[test]
    fn a_panic_of_a_worker_ends_all() {
        let budget = Budget::new(10 * BATCH);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            in_batches(
                &budget,
                &channel_of(4 * BATCH),
                |feed| send_all(feed, (0..100).map(Ok)),
                || {
                    |_: u64, number: u64, _: &mut Charge| {
                        assert!(number != 50, "on purpose");
                        Ok(number)
                    }
                },
                |outputs| {
                    outputs.for_each(drop);
                    Ok(())
                },
            )
        }));
        assert!(outcome.is_err());
        assert_eq!(budget.free(), 10 * BATCH);
    }
}
