use std::ops::Range;

use crate::text::shortened;

/// An interval of a contig, 0-based and half-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Name of the contig.
    pub contig: String,
    /// Bases in the contig.
    pub range: Range<u64>,
}

/// Why a text is no region of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// No contig has this name; the nearest are those of [`nearest_names`].
    #[error("there is no contig {:?}", shortened(.0))]
    UnknownContig(String),
    /// A sentence on what is wrong with the interval.
    #[error("{0}")]
    Interval(String),
}

/// Reads a region as samtools does: `chr1`, `chr1:1,001-2,000` (1-based, both ends included), `chr1:500-` and `chr1:500`
/// (to the end), `chr1:-50` (from the start). An end past the contig is that of the contig. `{name}` and `{name}:1-5` name
/// contigs whose names have colons.
///
/// `length` returns the bases of a contig.
///
/// # Errors
/// [`RegionError`]: an unknown contig, an interval that begins past its contig, and a text that has two readings.
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

/// First and last base of an interval as it is typed behind the colon; `None` where it is none.
fn typed_interval(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let is_number = text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        // More digits than a number has are past the end of every contig.
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

/// Bytes of a name above which it is near to no other.
const MAX_NEAR: usize = 256;
/// Edits between a name and one that is near to it, at most.
const MAX_EDITS: usize = 2;

/// Up to three of `names` that someone who typed `unknown` may have meant.
pub fn nearest_names<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = |name: &str| {
        let lower = name.to_lowercase();
        lower.strip_prefix("chr").unwrap_or(&lower).chars().collect::<Vec<char>>()
    };
    if unknown.len() > MAX_NEAR {
        return Vec::new();
    }
    let wanted = plain(unknown);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in names.filter(|name| name.len() <= MAX_NEAR) {
        let candidate = plain(name);
        let longest = wanted.len().max(candidate.len());
        if let Some(distance) = few_edits(&wanted, &candidate).filter(|distance| distance * 2 <= longest) {
            near.push((distance, name));
            near.sort();
            near.truncate(3);
        }
    }
    near.into_iter().map(|(_, name)| name).collect()
}

/// Edits that make one text the other, where [`MAX_EDITS`] are enough: a band of the whole table.
fn few_edits(a: &[char], b: &[char]) -> Option<usize> {
    const WIDTH: usize = 2 * MAX_EDITS + 1;
    if a.len().abs_diff(b.len()) > MAX_EDITS {
        return None;
    }
    // Cell d of row i is that of column i + d - MAX_EDITS.
    let mut row: [usize; WIDTH] = std::array::from_fn(|d| d.checked_sub(MAX_EDITS).unwrap_or(WIDTH));
    for (i, x) in a.iter().enumerate() {
        let above = row;
        for d in 0..WIDTH {
            let deleted = above.get(d + 1).map_or(WIDTH, |cell| cell + 1);
            let inserted = if d == 0 { WIDTH } else { row[d - 1] + 1 };
            let matched = match (i + d).checked_sub(MAX_EDITS) {
                Some(column) => b.get(column).map_or(WIDTH, |y| above[d] + usize::from(x != y)),
                None => WIDTH,
            };
            row[d] = match (i + 1 + d).checked_sub(MAX_EDITS) {
                Some(0) => i + 1,
                Some(column) if column <= b.len() => matched.min(deleted).min(inserted),
                _ => WIDTH,
            };
        }
    }
    Some(row[b.len() + MAX_EDITS - a.len()]).filter(|&edits| edits <= MAX_EDITS)
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
        for (text, says) in [
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
            assert!(problem.contains(says), "{problem}");
        }
        let long = range(&"x".repeat(60_000)).expect_err("unknown").to_string();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn near_names() {
        let names = ["chrI", "chrII", "chrIII", "chrMt", "scaffold_77"];
        assert_eq!(nearest_names("ii", names.into_iter()), ["chrII", "chrI", "chrIII"]);
        assert_eq!(nearest_names("scafold_77", names.into_iter()), ["scaffold_77"]);
        assert!(nearest_names("completely_else", names.into_iter()).is_empty());
        let long = ["n".repeat(60_000), "n".repeat(60_001)];
        assert!(nearest_names(&long[0], long.iter().map(String::as_str)).is_empty());
    }

    #[test]
    fn a_band_finds_few_edits() {
        let table = |a: &[char], b: &[char]| {
            let mut row: Vec<usize> = (0..=b.len()).collect();
            for (i, x) in a.iter().enumerate() {
                let mut diagonal = std::mem::replace(&mut row[0], i + 1);
                for (j, y) in b.iter().enumerate() {
                    let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
                    diagonal = std::mem::replace(&mut row[j + 1], next);
                }
            }
            row[b.len()]
        };
        // Every pair of texts of up to five letters of two.
        let texts: Vec<Vec<char>> =
            (1..64u32).map(|n| (0..n.ilog2()).map(|bit| if n >> bit & 1 == 1 { 'x' } else { 'y' }).collect()).collect();
        for a in &texts {
            for b in &texts {
                let all = table(a, b);
                assert_eq!(few_edits(a, b), (all <= MAX_EDITS).then_some(all), "{a:?} {b:?}");
            }
        }
    }
}
