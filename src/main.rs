//! The command line of reprise; see the library's documentation for what it is made of.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Whether standard output was closed when the program was started.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the run time of Rust, which opens /dev/null where a standard stream is closed: what is written would be lost.
#[ctor::ctor(unsafe)]
fn look_at_standard_output() {
    CLOSED.store(rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
}

fn main() -> ExitCode {
    // Writes its profile when it is dropped.
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::new_heap();
    reprise::cli::run(std::env::args_os(), !CLOSED.load(Ordering::Relaxed))
}
