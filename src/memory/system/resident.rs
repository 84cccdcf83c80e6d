use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Memory of this process as the system counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resident {
    /// Anonymous bytes resident now.
    pub anonymous: u64,
    /// Bytes of mapped files resident now.
    pub file: u64,
    /// Most bytes resident at any time, files included.
    pub peak: u64,
}

/// What the system says of this process; `None` where it does not say (no `/proc`).
pub fn resident() -> Option<Resident> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some(Resident { anonymous: field("RssAnon")? * 1024, file: field("RssFile")? * 1024, peak: field("VmHWM")? * 1024 })
}

/// Reads anonymous and file bytes again and again, as cheaply as the system can say them: `/proc/self/statm`, kept open.
pub(crate) struct Statm {
    file: File,
    page: u64,
}

impl Statm {
    /// `None` where the system does not say.
    pub(crate) fn open() -> Option<Self> {
        // The auxiliary vector is pairs of words; 6 (AT_PAGESZ) comes before the bytes in a page, 0 ends it.
        let vector = fs::read("/proc/self/auxv").ok()?;
        let mut words = vector.chunks_exact(size_of::<usize>()).map(|word| {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let page = std::iter::from_fn(|| Some((words.next()?, words.next()?))).find(|pair| pair.0 == 6)?.1;
        Some(Self { file: File::open("/proc/self/statm").ok()?, page })
    }

    /// Anonymous bytes and bytes of mapped files resident now.
    pub(crate) fn read(&self) -> Option<(u64, u64)> {
        let mut text = [0; 128];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let mut pages = std::str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().skip(1);
        let mut next = || pages.next()?.parse::<u64>().ok();
        let (resident, shared) = (next()?, next()?);
        Some((resident.saturating_sub(shared) * self.page, shared * self.page))
    }
}

/// A field of `/proc/meminfo`, in bytes; `name` with its colon.
pub(crate) fn memory_field(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Bytes that this process may use: the memory of the machine or of its cgroup, whichever is less.
pub fn available_memory() -> Option<u64> {
    let total = memory_field(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    Some(cgroups().iter().fold(total, |least, group| least.min(group.limit)))
}

/// Bytes that the limits of this process (`ulimit -v`, `-d` and `-m`) leave to what it will allocate, with `threads`
/// threads; `None` where it has none.
///
/// The address space and the data segment hold what the process has already and the stacks of its threads. Mapped files
/// are in the address space too, and not counted here: a budget is to leave some of it to them.
pub fn process_limit(threads: usize) -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let now = |name| memory_field(&status, name).unwrap_or(0);
    let stacks = (threads + HELPERS) as u64 * STACK;
    let limits = [
        (Resource::As, now("VmSize:") + stacks),
        (Resource::Data, now("VmData:") + stacks),
        (Resource::Rss, now("VmRSS:")),
    ];
    let left = |(resource, taken): (Resource, u64)| Some(getrlimit(resource).current?.saturating_sub(taken));
    limits.into_iter().filter_map(left).min()
}

/// Bytes of addresses that the stack of a thread takes: the default of the standard library.
const STACK: u64 = 2 << 20;
/// Threads that a command has beside those of the pool, at the most: docs/architecture.md lists them.
const HELPERS: usize = 8;

/// A cgroup with a limit on memory that this process is in.
pub(crate) struct Cgroup {
    pub(crate) folder: PathBuf,
    pub(crate) limit: u64,
    /// The file that says what is used.
    pub(crate) usage: &'static str,
    /// Lines of `memory.stat` that count pages of files.
    pub(crate) files: &'static [&'static str],
}

/// The cgroups (v2 and v1) with a limit, from that of this process up to the root.
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

/// Cores that this process may use: affinity and cgroup quota counted.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_read() {
        let now = resident().expect("Linux has /proc");
        assert!(now.anonymous > 0 && now.peak >= now.anonymous);
        assert!(available_memory().expect("Linux has /proc") > 1 << 20);
        assert!(available_threads() >= 1);
        // Both ways to ask say the same, but for what was touched in between.
        let (anonymous, file) = Statm::open().and_then(|statm| statm.read()).expect("Linux has /proc");
        let now = resident().expect("Linux has /proc");
        assert!(anonymous.abs_diff(now.anonymous) < 64 << 20 && file.abs_diff(now.file) < 64 << 20);
        assert!(anonymous > 0 && file > 0);
    }
}
