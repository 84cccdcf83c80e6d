//! Spreads memory over the nodes of machines whose processors have memory of their own (NUMA), so that no thread has
//! all of it on a distant node.

use std::sync::OnceLock;

/// The NUMA nodes of this machine with memory, one bit each, of the first 64; one node if the system does not report
/// them.
fn nodes() -> u64 {
    /// Read once: nodes do not change while a process runs.
    static NODES: OnceLock<u64> = OnceLock::new();
    *NODES.get_or_init(|| {
        mask(&std::fs::read_to_string("/sys/devices/system/node/has_memory").unwrap_or_default()).max(1)
    })
}

/// Parses a list of the kernel (`0-3,8`) to bits.
fn mask(list: &str) -> u64 {
    let parts = list.trim().split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
    });
    parts.flatten().filter(|&node| node < 64).fold(0, |mask, node| mask | 1 << node)
}

/// Number of NUMA nodes of this machine with memory; 1 if the system does not report them.
pub fn numa_nodes() -> u32 {
    nodes().count_ones()
}

/// Spreads an untouched map over all nodes, page by page, since all threads read it alike. Best effort; does nothing on
/// one node.
pub(crate) fn interleave(map: &mut [u8]) {
    if numa_nodes() > 1 {
        #[cfg(target_os = "linux")]
        let _ = interleave_over(map, nodes());
    }
}

/// As [`interleave`], over the nodes in `mask`; returns the error of the kernel.
#[cfg(target_os = "linux")]
fn interleave_over(map: &mut [u8], mask: u64) -> std::io::Result<()> {
    /// Policy of mbind(2) that spreads pages over the nodes.
    const MPOL_INTERLEAVE: libc::c_int = 3;
    // The kernel reads one bit less than this number.
    let bits = u64::from(u64::BITS) + 1;
    // SAFETY: `mbind` reads the mask, which outlives the call, and sets the node of the pages of `map`, never their
    // content. It refuses an address that does not begin a page. Tested below.
    #[allow(unsafe_code)]
    let outcome = unsafe {
        libc::syscall(libc::SYS_mbind, map.as_mut_ptr(), map.len(), MPOL_INTERLEAVE, &raw const mask, bits, 0)
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nodes_are_read() {
        assert_eq!(mask("0\n"), 1);
        assert_eq!(mask("0-3,8\n"), 0b1_0000_1111);
        assert_eq!(mask("0,63-70"), 1 | 1 << 63);
        assert_eq!(mask(""), 0);
        assert!(numa_nodes() >= 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_map_can_be_spread_over_the_nodes_there_are() {
        let mut map = memmap2::MmapOptions::new().len(1 << 20).map_anon().expect("a map");
        match interleave_over(&mut map, nodes()) {
            Ok(()) => {
                let refused = interleave_over(&mut map[1..], nodes()).expect_err("begins within a page");
                assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
            }
            // A kernel without NUMA, or a container without the permission.
            Err(e) => assert!(matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)), "{e}"),
        }
        map.fill(7);
        assert!(map.iter().all(|&b| b == 7));
    }
}
