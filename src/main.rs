//! The program `reprise`: starts the command line, which is a module of the library.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

// That of musl has one lock for all threads.
#[cfg(all(target_env = "musl", not(feature = "dhat")))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator, for `--version -v`.
const ALLOCATOR_NAME: &str = if cfg!(feature = "dhat") {
    "dhat"
} else if cfg!(target_env = "musl") {
    "mimalloc"
} else {
    reprise::cli::SYSTEM_ALLOCATOR
};

/// Whether standard output was closed when the program was started.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the run time of Rust, which replaces a closed standard stream by /dev/null: output would be lost
/// silently.
#[ctor::ctor(unsafe)]
fn check_standard_output() {
    CLOSED.store(rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
}

fn main() -> ExitCode {
    // Its drop writes the profile.
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::new_heap();
    let has_stdout = !CLOSED.load(Ordering::Relaxed);
    ExitCode::from(reprise::cli::run(std::env::args_os(), has_stdout, ALLOCATOR_NAME))
}
