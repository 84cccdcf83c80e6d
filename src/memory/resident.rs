use std::fs;
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

/// Bytes that this process may use: the memory of the machine or of its cgroup, whichever is less.
pub fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())?
        * 1024;
    Some(cgroup_limits().into_iter().fold(total, u64::min))
}

/// Memory limits of the cgroups (v2, then v1) that this process is in, up to the root.
fn cgroup_limits() -> Vec<u64> {
    let Ok(groups) = fs::read_to_string("/proc/self/cgroup") else {
        return Vec::new();
    };
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|c| c == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let mut folder = PathBuf::from(root);
        folder.push(path.trim_start_matches('/'));
        while folder.starts_with(root) {
            if let Ok(text) = fs::read_to_string(folder.join(file))
                && let Ok(limit) = text.trim().parse::<u64>()
            {
                limits.push(limit);
            }
            if !folder.pop() {
                break;
            }
        }
    }
    limits
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
    }
}
