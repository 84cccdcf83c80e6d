//! Files that appear complete or not at all: staging folders, temporary files, renames, locks, durable writes, and the
//! layer in which tests make system calls fail.

mod address;
mod call;
mod digest;
#[cfg(all(debug_assertions, feature = "cli"))]
mod faults;
mod file;
mod folder;
pub(crate) mod lock;
mod map;
mod output;
mod publish;
mod stdout;
mod syncer;
pub(crate) mod temporary;

pub(crate) use address::{check_is_local, is_address};
pub use digest::FileDigest;
pub(crate) use digest::{DigestWriter, digest_bytes, digest_file};
#[cfg(all(debug_assertions, feature = "cli"))]
pub(crate) use faults::large_pass;
pub(crate) use file::{File, MAX_TEXT, open_regular, read, read_results, read_text, remove_file, sync, unique_suffix};

pub(crate) use folder::{Folder, OWNER_PROBE, is_this_user, resolve_links, user};
pub(crate) use lock::{Lock, LockAttempt};
pub(crate) use map::map_read_only;
pub use output::Output;
pub(crate) use output::remove_unfinished;
pub(crate) use publish::{PendingRename, publish};
pub(crate) use stdout::{close_stdout, print, stdout};
pub(crate) use syncer::Syncer;
pub(crate) use temporary::{Remove, Temporary, TemporaryFolder};
