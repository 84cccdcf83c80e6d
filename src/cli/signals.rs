//! What a signal that ends the program leaves: nothing that was being made, and the exit code of the shells.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::Signals;

use crate::temporary::remove_all_and;

const ENDING: [(i32, &str); 3] = [(SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")];

/// Runs `work`; a signal that asks for the end removes what is being made, has `say` told of it, and ends the process with
/// 128 and its number. A second one ends it at once.
pub(super) fn heeding<T>(say: impl Fn(&str) + Sync, work: impl FnOnce() -> T) -> io::Result<T> {
    let heeded: Vec<_> = ENDING.into_iter().filter(|&(number, _)| !is_ignored(number)).collect();
    let ending = Arc::new(AtomicBool::new(false));
    for &(number, _) in &heeded {
        register_conditional_shutdown(number, 128 + number, Arc::clone(&ending))?;
    }
    let mut signals = Signals::new(heeded.iter().map(|signal| signal.0))?;
    let handle = signals.handle();
    std::thread::scope(|scope| {
        std::thread::Builder::new().name("signals".to_owned()).spawn_scoped(scope, || {
            let Some(number) = signals.forever().next() else { return };
            ending.store(true, Ordering::Relaxed);
            remove_all_and(|| {
                let name = heeded.iter().find(|signal| signal.0 == number).map_or("a signal", |signal| signal.1);
                say(name);
                std::process::exit(128 + number)
            });
        })?;
        let closing = Closing(handle);
        let outcome = work();
        drop(closing);
        Ok(outcome)
    })
}

/// Ends the thread that waits for signals, on a panic too.
struct Closing(signal_hook::iterator::Handle);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Whether whoever started the program had the signal ignored, as `nohup` and shells do for jobs in the background.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}
