//! Numbers in messages, tables and reports read the same everywhere: sizes, counts, shares and dates, as people write
//! them.

/// Bytes with one decimal and a binary unit: `1.5 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    /// Units of 1024^1 to 1024^5 bytes.
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0 of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Reads a size of the command line: plain bytes, or K, M, G, T as powers of 1024 (`512M`, `1.5G`, `64KiB`).
///
/// # Errors
/// A sentence with the form of a size.
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

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things whose singular is `one`: `1 contig`, `1,200 families`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        _ if number == 1 => one.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    };
    format!("{} {many}", grouped(number))
}

/// The share of a part in the whole, in per cent; 0 if the whole is 0.
pub(crate) fn per_cent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Bases with three or four digits and a unit: `812 b`, `6.1 kb`, `100.3 Mb`.
pub(crate) fn human(bases: u64) -> String {
    match bases {
        0..1000 => format!("{bases} b"),
        1000..1_000_000 => format!("{:.1} kb", bases as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} Mb", bases as f64 / 1e6),
        _ => format!("{:.2} Gb", bases as f64 / 1e9),
    }
}

/// Seconds since 1970 as `2026-01-31T12:34:56Z` (days to civil date: H. Hinnant, "chrono-compatible low-level date
/// algorithms").
pub(crate) fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
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

    #[test]
    fn numbers_with_units() {
        assert_eq!((&grouped(1_234_567)[..], &grouped(12)[..]), ("1,234,567", "12"));
        assert_eq!(human(999), "999 b");
        assert_eq!(human(6_100), "6.1 kb");
        assert_eq!(human(100_286_070), "100.3 Mb");
    }

    #[test]
    fn dates() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_700_000_000), "2023-11-14T22:13:20Z");
    }
}
