//! Reports how much memory of this process lies in huge pages, to check that they are in effect.

use std::path::Path;

/// Memory of this process in huge pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HugePages {
    /// Resident bytes of maps of files in a folder.
    pub maps: u64,
    /// Of these, bytes in huge pages.
    pub huge_maps: u64,
    /// Resident bytes without a file.
    pub anonymous: u64,
    /// Of these, bytes in huge pages.
    pub huge_anonymous: u64,
}

impl HugePages {
    /// Reads `/proc/self/smaps`, for maps of the files in `folder`; `None` if the system has no such file.
    pub fn of(folder: &Path) -> Option<Self> {
        let folder = std::fs::canonicalize(folder).ok()?;
        let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        Some(Self::read(&smaps, &folder))
    }

    fn read(smaps: &str, folder: &Path) -> Self {
        let mut sum = Self::default();
        let mut in_folder = false;
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next() else { continue };
            let Some(field) = first.strip_suffix(':') else {
                // The first line of a map: addresses, permissions, offset, device, inode, and the path, which may
                // contain spaces.
                in_folder = line.find('/').is_some_and(|at| Path::new(&line[at..]).starts_with(folder));
                continue;
            };
            let bytes = words.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024;
            match field {
                "Rss" if in_folder => sum.maps += bytes,
                "FilePmdMapped" | "ShmemPmdMapped" if in_folder => sum.huge_maps += bytes,
                "Anonymous" => sum.anonymous += bytes,
                "AnonHugePages" => sum.huge_anonymous += bytes,
                _ => {}
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_kernel_are_added_up() {
        let smaps = "\
7f0000000000-7f0000400000 r--s 00000000 fe:00 12 /data/my genome.reprise/positions.blk
Rss:                3000 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
FilePmdMapped:      2048 kB
VmFlags: rd sh mr me ms rr hg
7f0000400000-7f0000500000 r--p 00000000 fe:00 13 /usr/lib/libc.so.6
Rss:                 500 kB
Anonymous:            20 kB
FilePmdMapped:         0 kB
7f0001000000-7f0001800000 rw-p 00000000 00:00 0 
Rss:                8192 kB
Anonymous:          8192 kB
AnonHugePages:      6144 kB
";
        let sum = HugePages::read(smaps, Path::new("/data/my genome.reprise"));
        let kilobytes = [sum.maps, sum.huge_maps, sum.anonymous, sum.huge_anonymous].map(|bytes| bytes / 1024);
        assert_eq!(kilobytes, [3000, 2048, 8212, 6144]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_read() {
        let sum = HugePages::of(Path::new("/")).expect("Linux has /proc");
        assert!(sum.maps > 0 && sum.anonymous >= sum.huge_anonymous && sum.maps >= sum.huge_maps);
    }
}
