//! The system calls that write: everything that a build or an output leaves on the disk goes through [`call`].
//!
//! Only this function repeats a call that a signal interrupted, and only here tests can make each call fail (`faults`,
//! in builds of the program with debug assertions only).

use std::io;
use std::thread::{self, ThreadId};

use parking_lot::RwLock;

#[cfg(all(debug_assertions, feature = "cli"))]
use crate::fs::faults::fault_of;

/// The kind of a system call; tests select the calls that fail by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(all(debug_assertions, feature = "cli")), allow(dead_code))]
pub(super) enum Call {
    Create,
    Write,
    Truncate,
    Sync,
    Rename,
    Remove,
    Read,
    Lock,
}

impl Call {
    /// Its name in a fault and in the log of calls.
    #[cfg(all(debug_assertions, feature = "cli"))]
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// How many of `bytes` bytes a call may move: all, unless a test injects a fault.
#[inline(always)]
pub(super) fn allowed_bytes(call: Call, bytes: usize) -> io::Result<usize> {
    #[cfg(all(debug_assertions, feature = "cli"))]
    return fault_of(&call.name(), bytes);
    #[cfg(not(all(debug_assertions, feature = "cli")))]
    {
        let _ = call;
        Ok(bytes)
    }
}

/// The only thread that may still create or rename files while the process ends.
static LAST_THREAD: RwLock<Option<ThreadId>> = RwLock::new(None);

/// Blocks every other thread that is about to create or rename a file, until the process ends.
pub(super) fn block_other_threads() {
    *LAST_THREAD.write() = Some(thread::current().id());
}

/// Makes a call that names a file, or blocks until the process ends.
fn call_unless_ending<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let last = LAST_THREAD.read();
    if last.is_some_and(|thread| thread != thread::current().id()) {
        drop(last);
        loop {
            thread::park();
        }
    }
    make()
}

/// Makes a call, and repeats it if a signal interrupted it.
pub(super) fn call<T>(kind: Call, mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        let made = allowed_bytes(kind, 0).and_then(|_| match kind {
            Call::Create | Call::Rename => call_unless_ending(&mut make),
            _ => make(),
        });
        match made {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
