//! The command line of reprise; see the library's documentation for what it is made of.

use std::process::ExitCode;

#[cfg(feature = "dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    // Writes its profile when it is dropped.
    #[cfg(feature = "dhat")]
    let _profiler = dhat::Profiler::new_heap();
    reprise::cli::run(std::env::args_os())
}
