//! Faults of the system on demand. The variable `REPRISE_FAULT` of a program built with debug assertions lists what is to
//! happen, `;` between:
//!
//! ```text
//! KIND CALLS N    KIND: ENOSPC, EIO and so on (the call fails), short (half of the bytes go through), kill (the process
//!                 ends before the call), tear (it ends after half of the bytes), int, term, hup, stop (it gets that
//!                 signal before the call), log (nothing happens)
//!                 CALLS: create, write, truncate, sync, rename, remove, read, lock, or any for all of them
//!                 N: the number of the call, from 1; `N+` for it and all after it
//! ```
//!
//! `REPRISE_FAULT_LOG` names a file that gets a line for each call. `REPRISE_LARGE_PASS` lowers the bytes of records from
//! which a build takes several passes.

use parking_lot::Mutex;
use std::io::{self, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM};
use signal_hook::low_level::raise;

use crate::fs::Call;

struct Fault {
    kind: String,
    calls: String,
    number: u64,
    onwards: bool,
    made: AtomicU64,
}

struct Faults {
    all: Vec<Fault>,
    log: Option<Mutex<std::fs::File>>,
}

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
    /// Counts the call; what becomes of it, and of how many of its bytes.
    fn strike(&self, call: &str, bytes: usize) -> io::Result<usize> {
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

/// Gets a signal, and leaves the thread that heeds it some time to do so.
fn signalled(signal: i32) -> io::Result<()> {
    raise(signal)?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    Ok(())
}

/// What becomes of a call.
pub(crate) fn before(call: Call) -> io::Result<()> {
    shortened(call, 0).map(drop)
}

/// What becomes of a call that moves bytes, and how many of them it may move.
pub(crate) fn shortened(call: Call, bytes: usize) -> io::Result<usize> {
    let Some(faults) = &*FAULTS else { return Ok(bytes) };
    let name = format!("{call:?}").to_lowercase();
    if let Some(mut log) = faults.log.as_ref().map(Mutex::lock) {
        let _ = writeln!(log, "{name}");
    }
    faults.all.iter().try_fold(bytes, |bytes, fault| fault.strike(&name, bytes))
}

/// See `BuildOptions::large_pass`.
pub(crate) fn large_pass() -> Option<u64> {
    std::env::var("REPRISE_LARGE_PASS").ok()?.parse().ok()
}
