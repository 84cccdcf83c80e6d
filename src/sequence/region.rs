//! Regions are typed as samtools users type them, on genomes whose contig names may have colons.

use std::ops::Range;

use crate::text::shortened;

/// An interval of a contig, 0-based and half-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Name of the contig.
    pub contig: String,
    /// Bases of the contig, 0-based, half-open.
    pub range: Range<u64>,
}

impl Region {
    /// Whether the interval is one of a contig of this length.
    pub(crate) fn is_within(&self, length: u64) -> bool {
        self.range.start <= self.range.end && self.range.end <= length
    }

    /// A sentence on an interval that is not within its contig of this length.
    pub(crate) fn past_end(&self, length: u64) -> String {
        let (name, Range { start, end }) = (shortened(&self.contig), &self.range);
        format!("{name}:{start}-{end} ends past {name}, which has {length} bases")
    }
}

/// The reason why a text is not a region of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// No contig has this name; [`nearest_names`](crate::sequence::nearest_names) finds similar ones.
    #[error("there is no contig {:?}", shortened(.0))]
    UnknownContig(String),
    /// A sentence on the problem of the interval.
    #[error("{0}")]
    Interval(String),
}

/// Reads a region as samtools does: `chr1`, `chr1:1,001-2,000` (1-based, both ends included), `chr1:500-` and
/// `chr1:500` (to the end), `chr1:-50` (from the start). An end past the contig is moved to its end. `{name}` and
/// `{name}:1-5` are for contigs whose names have colons.
///
/// `length` returns the bases of a contig.
///
/// # Errors
/// [`RegionError`]: an unknown contig, an interval that starts past its contig, or a text with two readings.
pub fn parse_region(text: &str, length: impl Fn(&str) -> Option<u64>) -> Result<Region, RegionError> {
    let wrong = |problem: String| Err(RegionError::Interval(format!("{:?} {problem}", shortened(text))));
    let split = text.rsplit_once(':');
    let quoted = text.strip_prefix('{').and_then(|text| text.rsplit_once('}')).and_then(|(name, rest)| match rest {
        "" => Some((name, "")),
        _ => Some((name, rest.strip_prefix(':')?)),
    });
    let named = [Some((text, "")), split, quoted];
    let mut readings = named
        .into_iter()
        .flatten()
        .filter_map(|(name, interval)| Some((name, interval, length(name)?, typed_interval(interval)?)));
    let Some((name, interval, bases, (start, end))) = readings.next() else {
        return match quoted.or(split) {
            Some((name, _)) if length(name).is_some() => {
                wrong(format!("is not a region; write it as {}:1001-2000", shortened(name)))
            }
            Some((name, interval)) if quoted.is_some() || typed_interval(interval).is_some() => {
                Err(RegionError::UnknownContig(name.to_owned()))
            }
            _ => Err(RegionError::UnknownContig(text.to_owned())),
        };
    };
    if let Some((other, interval, ..)) = readings.next() {
        let colon = if interval.is_empty() { "" } else { ":" };
        let (text, other) = (shortened(text), shortened(other));
        return wrong(format!("has two readings; write {{{text}}} for that contig or {{{other}}}{colon}{interval}"));
    }
    let region = |range| Ok(Region { contig: name.to_owned(), range });
    match (start, end) {
        _ if interval.is_empty() => region(0..bases),
        (0, _) => wrong("starts at 0, and the first base of a region is 1".to_owned()),
        _ if start > bases => wrong(format!("starts past {}, which has {bases} bases", shortened(name))),
        _ if start > end => wrong("ends before it starts".to_owned()),
        _ => region(start - 1..end.min(bases)),
    }
}

/// First and last base, counted from 1, of an interval as typed after the colon; `None` if it is not one.
fn typed_interval(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let is_number = text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        // A number that does not fit is past the end of every contig.
        is_number.then(|| text.replace(',', "").parse().unwrap_or(u64::MAX))
    };
    match text.split_once('-') {
        None if text.is_empty() => Some((1, u64::MAX)),
        None => Some((number(text)?, u64::MAX)),
        Some(("", end)) => Some((1, number(end)?)),
        Some((start, "")) => Some((number(start)?, u64::MAX)),
        Some((start, end)) => Some((number(start)?, number(end)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(name: &str) -> Option<u64> {
        match name {
            "chr1" => Some(2000),
            "HLA:A*01:01" => Some(300),
            "a" => Some(10),
            "a:1-5" => Some(20),
            "{odd}" => Some(7),
            "empty" => Some(0),
            _ => None,
        }
    }

    #[test]
    fn regions_read_as_samtools_reads_them() {
        let range = |text: &str| parse_region(text, length).map(|r| r.range);
        for (text, wanted) in [
            ("chr1", 0..2000),
            ("chr1:", 0..2000),
            ("chr1:1,001-2,000", 1000..2000),
            ("chr1:500-", 499..2000),
            ("chr1:500", 499..2000),
            ("chr1:-50", 0..50),
            ("chr1:7-7", 6..7),
            ("chr1:1990-2001", 1989..2000),
            ("chr1:1-99999999999999999999", 0..2000),
            ("{chr1}", 0..2000),
            ("{chr1}:3", 2..2000),
            ("HLA:A*01:01", 0..300),
            ("HLA:A*01:01:2-3", 1..3),
            ("{HLA:A*01:01}:-3", 0..3),
            ("a", 0..10),
            ("{a}:1-5", 0..5),
            ("{a:1-5}", 0..20),
            ("a:1-5:2-3", 1..3),
            ("a:1-6", 0..6),
            ("{odd}", 0..7),
            ("{{odd}}:2-3", 1..3),
            ("{odd}:2-3", 1..3),
            ("empty", 0..0),
            ("{empty}", 0..0),
        ] {
            assert_eq!(range(text), Ok(wanted), "{text}");
        }
        for (text, message) in [
            ("chr2", "no contig \"chr2\""),
            ("chr2:1-2", "no contig \"chr2\""),
            ("{chr2}:1-2", "no contig \"chr2\""),
            ("HLA:A", "no contig \"HLA:A\""),
            ("{chr1", "no contig \"{chr1\""),
            ("chr1:0-5", "starts at 0"),
            ("chr1:0", "starts at 0"),
            ("chr1:-0", "ends before"),
            ("chr1:2001", "starts past chr1, which has 2000 bases"),
            ("chr1:3000-4000", "starts past chr1"),
            ("empty:1-1", "starts past empty"),
            ("chr1:9-8", "ends before"),
            ("chr1:x-8", "not a region"),
            ("{chr1}:x-8", "not a region"),
            ("chr1:-", "not a region"),
            ("chr1:5--6", "not a region"),
            ("chr1:,5", "not a region"),
            ("chr1:1e3", "not a region"),
            ("a:1-5", "has two readings; write {a:1-5} for that contig or {a}:1-5"),
        ] {
            let problem = range(text).expect_err(text).to_string();
            assert!(problem.contains(message), "{problem}");
        }
        let long = range(&"x".repeat(60_000)).expect_err("unknown").to_string();
        assert!(long.len() < 200, "{long}");
    }
}
