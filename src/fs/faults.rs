//! Makes system calls fail, so that tests can check every way in which a disk or a process can fail. The variable
//! `REPRISE_FAULT` of a program built with debug assertions lists the faults, separated by `;`:
//!
//! ```text
//! KIND CALLS N    KIND: ENOSPC, EIO and so on (the call fails), short (half of the bytes go through), kill (the
//!                 process ends before the call), tear (it ends after half of the bytes), int, term, hup, stop (it
//!                 receives that signal before the call), log (no fault)
//!                 CALLS: create, write, truncate, sync, rename, remove, read, lock, or any for all of them
//!                 N: the number of the call, from 1; `N+` for it and all after it
//! ```
//!
//! `REPRISE_FAULT_LOG` names a file to which each call adds a line. `REPRISE_LARGE_PASS` lowers the bytes of records
//! from which a build makes several passes.

use parking_lot::Mutex;
use std::io::{self, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM};
use signal_hook::low_level::raise;

/// A fault, and how many calls of its kind were made.
struct Fault {
    kind: String,
    calls: String,
    number: u64,
    onwards: bool,
    made: AtomicU64,
}

/// The faults of this process, and the log of its calls.
struct Faults {
    all: Vec<Fault>,
    log: Option<Mutex<std::fs::File>>,
}

/// The faults that `REPRISE_FAULT` requests; `None` if it is not set.
static FAULTS: LazyLock<Option<Faults>> = LazyLock::new(|| {
    let text = std::env::var("REPRISE_FAULT").ok()?;
    let fault = |text: &str| {
        let [kind, calls, number] = text.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some(Fault {
            kind: kind.to_owned(),
            calls: calls.to_owned(),
            number: number.trim_end_matches('+').parse().ok()?,
            onwards: number.ends_with('+') || kind == "tear",
            made: AtomicU64::new(0),
        })
    };
    let log = std::env::var_os("REPRISE_FAULT_LOG").and_then(|path| std::fs::File::create(path).ok());
    Some(Faults { all: text.split(';').filter_map(fault).collect(), log: log.map(Mutex::new) })
});

impl Fault {
    /// Counts the call; fails it, or returns how many of its bytes it may move.
    fn apply(&self, call: &str, bytes: usize) -> io::Result<usize> {
        if self.calls != "any" && self.calls != call {
            return Ok(bytes);
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        if number != self.number && !(self.onwards && number > self.number) {
            return Ok(bytes);
        }
        let code = match self.kind.as_str() {
            "short" => return Ok(bytes.div_ceil(2)),
            "tear" if number == self.number && bytes > 0 => return Ok(bytes.div_ceil(2)),
            "kill" | "tear" => return raise(SIGKILL).map(|()| bytes),
            "int" => return signalled(SIGINT).map(|()| bytes),
            "term" => return signalled(SIGTERM).map(|()| bytes),
            "hup" => return signalled(SIGHUP).map(|()| bytes),
            "stop" => return raise(SIGSTOP).map(|()| bytes),
            "ENOSPC" => libc::ENOSPC,
            "EDQUOT" => libc::EDQUOT,
            "EIO" => libc::EIO,
            "EINTR" => libc::EINTR,
            "EINVAL" => libc::EINVAL,
            "EXDEV" => libc::EXDEV,
            "ENOLCK" => libc::ENOLCK,
            _ => return Ok(bytes),
        };
        Err(io::Error::from_raw_os_error(code))
    }
}

/// Time for the signal thread to react before the call continues.
const SIGNAL_WAIT: Duration = Duration::from_millis(300);

/// Raises a signal and waits for the thread that handles it.
fn signalled(signal: i32) -> io::Result<()> {
    raise(signal)?;
    std::thread::sleep(SIGNAL_WAIT);
    Ok(())
}

/// Logs a call, and fails it or returns how many of its bytes it may move.
pub(super) fn fault_of(call: &str, bytes: usize) -> io::Result<usize> {
    let Some(faults) = &*FAULTS else { return Ok(bytes) };
    if let Some(mut log) = faults.log.as_ref().map(Mutex::lock) {
        let _ = writeln!(log, "{call}");
    }
    faults.all.iter().try_fold(bytes, |bytes, fault| fault.apply(call, bytes))
}

/// The value of `REPRISE_LARGE_PASS`, in bytes: see `BuildTuning::large_pass`.
pub(crate) fn large_pass() -> Option<u64> {
    std::env::var("REPRISE_LARGE_PASS").ok()?.parse().ok()
}
