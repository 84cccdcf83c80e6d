//! Reads the memory of this process and its limits from `/proc` and cgroups, which count what the budget cannot see.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Memory of this process as the system counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResidentMemory {
    /// Anonymous bytes resident now.
    pub anonymous: u64,
    /// Bytes of mapped files resident now.
    pub file: u64,
    /// Maximum bytes resident at any time, files included.
    pub peak: u64,
}

/// The memory of this process as the system counts it; `None` without `/proc`.
pub fn resident_memory() -> Option<ResidentMemory> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some(ResidentMemory {
        anonymous: field("RssAnon")? * 1024,
        file: field("RssFile")? * 1024,
        peak: field("VmHWM")? * 1024,
    })
}

/// Key of the page size in the auxiliary vector.
const AT_PAGESZ: u64 = 6;

/// Reads resident bytes repeatedly in the cheapest way: `/proc/self/statm`, kept open.
pub(crate) struct Statm {
    file: File,
    page: u64,
}

impl Statm {
    /// `None` without `/proc`.
    pub(crate) fn open() -> Option<Self> {
        // The auxiliary vector consists of pairs of words (getauxval(3)); AT_PAGESZ precedes the bytes of a page.
        let vector = fs::read("/proc/self/auxv").ok()?;
        let mut words = vector.chunks_exact(size_of::<usize>()).map(|word| {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let page = std::iter::from_fn(|| Some((words.next()?, words.next()?))).find(|pair| pair.0 == AT_PAGESZ)?.1;
        Some(Self { file: File::open("/proc/self/statm").ok()?, page })
    }

    /// Resident anonymous bytes and resident bytes of mapped files.
    pub(crate) fn read(&self) -> Option<(u64, u64)> {
        let mut text = [0; 128];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let mut pages = std::str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().skip(1);
        let mut next = || pages.next()?.parse::<u64>().ok();
        let (resident, shared) = (next()?, next()?);
        Some((resident.saturating_sub(shared) * self.page, shared * self.page))
    }
}

/// A field of `/proc/meminfo` in bytes; `name` includes its colon.
pub(crate) fn memory_field(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Bytes that this process may use: the memory of the machine or the limit of its cgroup, whichever is less.
pub fn available_memory() -> Option<u64> {
    let total = memory_field(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    Some(cgroups().iter().fold(total, |least, group| least.min(group.limit)))
}

/// Bytes that this process can still allocate within its limits (`ulimit -v`, `-d` and `-m`), with `threads` threads;
/// `None` if it has no limit.
///
/// Present memory and the stacks of the threads count against the address space and the data segment. Mapped files
/// count against the address space too but are not subtracted here: a budget must leave space for them.
pub fn process_limit(threads: usize) -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let now = |name| memory_field(&status, name).unwrap_or(0);
    let stacks = (threads + MAX_OTHER_THREADS) as u64 * STACK_BYTES;
    let limits = [
        (Resource::As, now("VmSize:") + stacks),
        (Resource::Data, now("VmData:") + stacks),
        (Resource::Rss, now("VmRSS:")),
    ];
    let left = |(resource, taken): (Resource, u64)| Some(getrlimit(resource).current?.saturating_sub(taken));
    limits.into_iter().filter_map(left).min()
}

/// Bytes of the stack of a thread: the default of the standard library.
const STACK_BYTES: u64 = 2 << 20;
/// Maximum threads of a command besides those of the pool; docs/architecture.md lists them.
const MAX_OTHER_THREADS: usize = 8;

/// A cgroup of this process with a limit on memory.
pub(crate) struct Cgroup {
    pub(crate) folder: PathBuf,
    pub(crate) limit: u64,
    /// The file with the used bytes.
    pub(crate) usage: &'static str,
    /// The lines of `memory.stat` that count cached pages of files.
    pub(crate) files: &'static [&'static str],
}

/// The cgroups (v2 and v1) with a limit on memory, from that of this process up to the root.
pub(crate) fn cgroups() -> Vec<Cgroup> {
    let Ok(memberships) = fs::read_to_string("/proc/self/cgroup") else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    for line in memberships.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, limit, usage, files): (_, _, _, &[&str]) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current", &["inactive_file", "active_file"]),
            list if list.split(',').any(|c| c == "memory") => (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                &["total_inactive_file", "total_active_file"],
            ),
            _ => continue,
        };
        let mut folder = PathBuf::from(root);
        folder.push(path.trim_start_matches('/'));
        while folder.starts_with(root) {
            if let Ok(text) = fs::read_to_string(folder.join(limit))
                && let Ok(limit) = text.trim().parse::<u64>()
            {
                groups.push(Cgroup { folder: folder.clone(), limit, usage, files });
            }
            if !folder.pop() {
                break;
            }
        }
    }
    groups
}

/// Cores that this process may use, by affinity and cgroup quota.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read() {
        let now = resident_memory().expect("Linux has /proc");
        assert!(now.anonymous > 0 && now.peak >= now.anonymous);
        assert!(available_memory().expect("Linux has /proc") > 1 << 20);
        assert!(available_threads() >= 1);
        // Both readings agree, but for the memory touched in between.
        let (anonymous, file) = Statm::open().and_then(|statm| statm.read()).expect("Linux has /proc");
        let now = resident_memory().expect("Linux has /proc");
        assert!(anonymous.abs_diff(now.anonymous) < 64 << 20 && file.abs_diff(now.file) < 64 << 20);
        assert!(anonymous > 0 && file > 0);
    }
}
