//! Work of seconds to hours: on threads of its own, without the interpreter's lock, with progress, and ended by an
//! interrupt from the keyboard.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use reprise::memory::{Budget, available_memory, available_threads, process_limit};
use reprise::{Notice, Progress};

use crate::errors::Failure;

/// Time between two looks at signals and progress: an interrupt is noticed at once, and the interpreter is hardly used.
const TICK: Duration = Duration::from_millis(50);
/// Bytes that are taken as available if the system does not report them.
const ASSUMED_AVAILABLE: u64 = 4 << 30;

/// A budget of `limit` bytes; by default half of what the process may use, as for the command.
pub fn budget(limit: Option<u64>, threads: usize) -> Budget {
    let may_use = available_memory().into_iter().chain(process_limit(threads)).min();
    Budget::new(limit.unwrap_or(may_use.unwrap_or(ASSUMED_AVAILABLE) / 2))
}

/// The pool of an index or a build, made when it is first needed.
pub struct Threads {
    number: usize,
    /// With the process that made it: a process that was forked has none of its threads.
    pool: Mutex<Option<(u32, Arc<ThreadPool>)>>,
}

impl Threads {
    /// `number` threads; as many as the process has cores without it.
    pub fn new(number: Option<usize>) -> Result<Self, Failure> {
        match number {
            Some(0) => Err(Failure::Usage("threads is 0; it must be 1 or more".to_owned())),
            _ => Ok(Self { number: number.unwrap_or_else(available_threads), pool: Mutex::new(None) }),
        }
    }

    pub fn number(&self) -> usize {
        self.number
    }

    pub fn pool(&self) -> Result<Arc<ThreadPool>, Failure> {
        let mut pool = self.pool.lock();
        let process = std::process::id();
        if let Some((owner, made)) = pool.as_ref()
            && *owner == process
        {
            return Ok(Arc::clone(made));
        }
        let made =
            ThreadPoolBuilder::new().num_threads(self.number).thread_name(|i| format!("reprise-{i}")).build().map_err(
                |e| Failure::Threads(format!("cannot start {} threads: {e}; use fewer threads", self.number)),
            )?;
        let made = Arc::new(made);
        // Dropping a pool of the parent would signal threads that are not there.
        std::mem::forget(pool.replace((process, Arc::clone(&made))));
        Ok(made)
    }
}

/// Progress, as the thread of the caller sees it.
#[derive(Default)]
struct Watched {
    cancelled: AtomicBool,
    phase: Mutex<(&'static str, Option<u64>)>,
    done: AtomicU64,
    warnings: Mutex<Vec<String>>,
}

impl Progress for Watched {
    fn phase(&self, name: &'static str, total: Option<u64>) {
        let mut phase = self.phase.lock();
        self.done.store(0, Ordering::Relaxed);
        *phase = (name, total);
    }

    fn advance(&self, amount: u64) {
        self.done.fetch_add(amount, Ordering::Relaxed);
    }

    fn notice(&self, notice: &Notice) {
        if notice.is_warning() {
            self.warnings.lock().push(notice.to_string());
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Watched {
    /// Calls `callback(phase, done, total)`.
    fn report(&self, py: Python<'_>, callback: Option<&Py<PyAny>>) -> PyResult<()> {
        let Some(callback) = callback else { return Ok(()) };
        let ((name, total), done) = {
            let phase = self.phase.lock();
            (*phase, self.done.load(Ordering::Relaxed))
        };
        if !name.is_empty() {
            callback.bind(py).call1((name, total.map_or(done, |total| done.min(total)), total))?;
        }
        Ok(())
    }

    /// Passes warnings on.
    fn warn(&self, py: Python<'_>) -> PyResult<()> {
        let warnings = std::mem::take(&mut *self.warnings.lock());
        if warnings.is_empty() {
            return Ok(());
        }
        let category = py.import("reprise_genome._errors")?.getattr("RepriseWarning")?;
        let warn = py.import("warnings")?.getattr("warn")?;
        warnings.into_iter().try_for_each(|text| warn.call1((text, &category)).map(drop))
    }
}

/// Runs `work` on the pool and calls `callback(phase, done, total)` meanwhile. A signal whose handler raises an
/// exception, or a callback that raises one, cancels the work; that exception is raised once the work has ended.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    threads: &Threads,
    callback: Option<Py<PyAny>>,
    work: impl FnOnce(&dyn Progress) -> Result<T, Failure> + Send,
) -> PyResult<T> {
    let pool = threads.pool()?;
    let watched = &Watched::default();
    let callback = callback.as_ref();
    let (outcome, interrupted) = py.detach(|| {
        thread::scope(|scope| {
            let (ended, end) = sync_channel::<()>(1);
            let worker = thread::Builder::new().name("reprise".to_owned()).spawn_scoped(scope, move || {
                // Dropped at the end, also by a panic.
                let _ended = ended;
                pool.install(|| work(watched))
            });
            let worker = match worker {
                Ok(worker) => worker,
                Err(e) => return (Err(Failure::Threads(format!("cannot start a thread: {e}"))), None),
            };
            let mut interrupted = None;
            while end.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if interrupted.is_none() {
                    let seen = Python::attach(|py| {
                        py.check_signals()?;
                        watched.report(py, callback)
                    });
                    if let Err(exception) = seen {
                        watched.cancelled.store(true, Ordering::Relaxed);
                        interrupted = Some(exception);
                    }
                }
            }
            (worker.join().unwrap_or_else(|panic| resume_unwind(panic)), interrupted)
        })
    });
    if let Some(exception) = interrupted {
        return Err(exception);
    }
    let outcome = outcome?;
    watched.report(py, callback)?;
    watched.warn(py)?;
    Ok(outcome)
}
