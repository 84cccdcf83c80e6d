//! The one memory budget of a run, its reservations, and what the process really uses: watched, and reported so that it
//! adds up.
//!
//! Whatever grows with the input reserves from the [`Budget`] before it allocates and holds the [`Reservation`] as
//! long as the memory. A reservation gives back on drop, so also on an error or a panic.

mod anonymous;
mod arena;
mod budget;
mod huge;
mod monitor;
mod numa;
mod pool;
mod prefetch;
mod report;
mod resident;
mod spare;
mod trim;
mod window;

pub(crate) use anonymous::Anonymous;
pub(crate) use arena::{Arena, Slot};
pub use budget::{Budget, Component, Reservation, Usage};
pub use huge::HugePages;
pub use monitor::{Headroom, Monitor, Peak, Status, headroom};
pub use numa::numa_nodes;
pub(crate) use pool::Buffer;
pub use pool::pooled_bytes;
pub(crate) use prefetch::prefetch;
pub use report::{Difference, MemoryUsageBreakdown, Row};
pub use resident::{Resident, available_memory, available_threads, process_limit, resident};
pub(crate) use spare::{SpareBuffers, make_room};
pub(crate) use trim::{share_one_arena, trim};
pub(crate) use window::Window;

/// Bytes as people write them: `1.5 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would print as 1024.0 of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Reads a size of the command line: plain bytes, or K, M, G, T as powers of 1024 (`512M`, `1.5G`, `64KiB`).
///
/// # Errors
/// A sentence that says what a size looks like.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write bytes or a number with K, M, G or T, such as 512M or 1.5G");
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches("ib").trim_end_matches('b');
    let (digits, unit) = match number.as_bytes().last() {
        Some(b'k') => (&number[..number.len() - 1], 1u64 << 10),
        Some(b'm') => (&number[..number.len() - 1], 1 << 20),
        Some(b'g') => (&number[..number.len() - 1], 1 << 30),
        Some(b't') => (&number[..number.len() - 1], 1 << 40),
        _ => (number, 1),
    };
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(wrong);
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 && value * unit as f64 <= 1e18 => {
            Ok((value * unit as f64) as u64)
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print() {
        assert_eq!(parse_size("64M"), Ok(64 << 20));
        assert_eq!(parse_size("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size("12"), Ok(12));
        assert_eq!(parse_size("8KiB"), Ok(8192));
        assert_eq!(parse_size("8kb"), Ok(8192));
        for wrong in ["", "M", "-1", "1e400", "99999999999T", "ten", "1 2"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(3 << 29), "1.5 GiB");
        assert_eq!(human_bytes((1 << 20) - 1), "1.0 MiB");
    }
}
