//! Signals that end the program: partial output is removed first, and the exit code is that of a shell.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_shutdown};
use signal_hook::iterator::Signals;

use crate::fs::temporary::remove_all_and;

/// Signals that end the program, with their names. Job schedulers send the last three before SIGKILL.
const ENDING: [(i32, &str); 6] = [
    (SIGHUP, "SIGHUP"),
    (SIGINT, "SIGINT"),
    (SIGTERM, "SIGTERM"),
    (SIGXCPU, "SIGXCPU"),
    (SIGUSR1, "SIGUSR1"),
    (SIGUSR2, "SIGUSR2"),
];
/// Signals whose second arrival ends the program at once. The others may be sent every second.
const URGENT: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// Runs `work`. A signal that ends the program removes partial output, calls `report` with its name, and ends the
/// process with 128 plus its number. A write past the limit of the size of files (`ulimit -f`) fails instead of ending
/// the process.
pub(crate) fn with_cleanup<T>(report: impl Fn(&str) + Sync, work: impl FnOnce() -> T) -> io::Result<T> {
    let handled: Vec<_> = ENDING.into_iter().filter(|&(number, _)| !is_ignored(number)).collect();
    let ending = Arc::new(AtomicBool::new(false));
    for &(number, _) in handled.iter().filter(|signal| URGENT.contains(&signal.0)) {
        register_conditional_shutdown(number, 128 + number, Arc::clone(&ending))?;
    }
    // With any handler, the system call returns an error.
    register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new(handled.iter().map(|signal| signal.0))?;
    let handle = signals.handle();
    std::thread::scope(|scope| {
        std::thread::Builder::new().name("signals".to_owned()).spawn_scoped(scope, || {
            let Some(number) = signals.forever().next() else { return };
            ending.store(true, Ordering::Relaxed);
            remove_all_and(|| {
                let name = handled.iter().find(|signal| signal.0 == number).map_or("a signal", |signal| signal.1);
                report(name);
                std::process::exit(128 + number)
            });
        })?;
        let closing = Closing(handle);
        let outcome = work();
        drop(closing);
        Ok(outcome)
    })
}

/// Ends the thread that waits for signals, also after a panic.
struct Closing(signal_hook::iterator::Handle);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Whether the parent process set the signal to be ignored, as `nohup` and shells do for background jobs.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}
