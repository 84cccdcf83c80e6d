use std::ops::Range;

/// An interval of a contig, 0-based and half-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Name of the contig.
    pub contig: String,
    /// Bases in the contig.
    pub range: Range<u64>,
}

/// Reads a region as samtools does: `chr1`, `chr1:1,001-2,000` (1-based, both ends included), `chr1:500-` and `chr1:500`
/// (to the end). A contig whose whole name is the text comes first, so names with colons work.
///
/// `length` gives a contig's bases.
///
/// # Errors
/// A sentence without the names that are near: see [`nearest_names`].
pub fn parse_region(text: &str, length: impl Fn(&str) -> Option<u64>) -> Result<Region, String> {
    if let Some(bases) = length(text) {
        return Ok(Region { contig: text.to_owned(), range: 0..bases });
    }
    let unknown = || format!("there is no contig {text:?}");
    let (name, interval) = text.rsplit_once(':').ok_or_else(unknown)?;
    let bases = length(name).ok_or_else(|| format!("there is no contig {name:?}"))?;
    let number = |digits: &str| {
        digits
            .replace(',', "")
            .parse::<u64>()
            .map_err(|_| format!("{text:?} is not a region; write it as {name}:1001-2000"))
    };
    let (start, end) = match interval.split_once('-') {
        None => (number(interval)?, bases),
        Some((start, "")) => (number(start)?, bases),
        Some((start, end)) => (number(start)?, number(end)?),
    };
    if start == 0 {
        return Err(format!("{text:?} starts at 0, and the first base of a region is 1"));
    }
    if start > bases || end > bases {
        return Err(format!("{text:?} ends past {name}, which has {bases} bases"));
    }
    if start > end {
        return Err(format!("{text:?} ends before it starts"));
    }
    Ok(Region { contig: name.to_owned(), range: start - 1..end })
}

/// Reads a line of BED (0-based, half-open); `None` for comments, `track` and `browser` lines and blank lines.
///
/// # Errors
/// A sentence on what is wrong with the line.
pub fn parse_bed_line(line: &str) -> Result<Option<Region>, String> {
    let line = line.trim_end_matches(['\r', '\n']);
    let first_word = line.split_ascii_whitespace().next().unwrap_or("");
    if first_word.is_empty() || first_word.starts_with('#') || matches!(first_word, "track" | "browser") {
        return Ok(None);
    }
    // Tabs where there are any: names may hold blanks then.
    let mut fields: Vec<&str> = line.split('\t').collect();
    if fields.len() < 3 {
        fields = line.split_ascii_whitespace().collect();
    }
    let &[contig, start, end, ..] = &fields[..] else {
        return Err("a BED line has a contig, a start and an end".to_owned());
    };
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("{text:?} is not a position"));
    let range = number(start)?..number(end)?;
    if range.start > range.end {
        return Err(format!("the interval ends at {end}, before its start {start}"));
    }
    Ok(Some(Region { contig: contig.to_owned(), range }))
}

/// Up to three of `names` that someone who typed `unknown` may have meant.
pub fn nearest_names<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = |name: &str| {
        let lower = name.to_lowercase();
        lower.strip_prefix("chr").map(str::to_owned).unwrap_or(lower)
    };
    let wanted = plain(unknown);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let candidate = plain(name);
        let longest = wanted.chars().count().max(candidate.chars().count());
        if wanted.chars().count().abs_diff(candidate.chars().count()) > 2 {
            continue;
        }
        let distance = edit_distance(&wanted, &candidate);
        if distance <= 2 && distance * 2 <= longest {
            near.push((distance, name));
            near.sort();
            near.truncate(3);
        }
    }
    near.into_iter().map(|(_, name)| name).collect()
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(name: &str) -> Option<u64> {
        match name {
            "chr1" => Some(2000),
            "HLA:A*01:01" => Some(300),
            _ => None,
        }
    }

    #[test]
    fn regions_read_as_samtools_reads_them() {
        let range = |text| parse_region(text, length).map(|r| r.range);
        assert_eq!(range("chr1"), Ok(0..2000));
        assert_eq!(range("chr1:1,001-2,000"), Ok(1000..2000));
        assert_eq!(range("chr1:500-"), Ok(499..2000));
        assert_eq!(range("chr1:500"), Ok(499..2000));
        assert_eq!(range("chr1:7-7"), Ok(6..7));
        assert_eq!(range("HLA:A*01:01"), Ok(0..300));
        assert_eq!(range("HLA:A*01:01:2-3"), Ok(1..3));
        for (wrong, says) in [
            ("chr2", "no contig \"chr2\""),
            ("chr2:1-2", "no contig \"chr2\""),
            ("chr1:0-5", "starts at 0"),
            ("chr1:1-2001", "has 2000 bases"),
            ("chr1:2001", "has 2000 bases"),
            ("chr1:9-8", "ends before"),
            ("chr1:x-8", "not a region"),
            ("chr1:-5", "not a region"),
            ("chr1:1-99999999999999999999", "not a region"),
        ] {
            let problem = range(wrong).expect_err(wrong);
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn bed_lines() {
        let bed = |line| parse_bed_line(line);
        assert_eq!(bed("chr1\t5\t9\tname\r\n"), Ok(Some(Region { contig: "chr1".into(), range: 5..9 })));
        assert_eq!(bed("chr1 5 9"), Ok(Some(Region { contig: "chr1".into(), range: 5..9 })));
        for skipped in ["", "  ", "#x", "track name=a", "browser hide"] {
            assert_eq!(bed(skipped), Ok(None));
        }
        assert!(bed("chr1\t5").is_err() && bed("chr1\t9\t5").is_err() && bed("chr1\t-1\t5").is_err());
    }

    #[test]
    fn near_names() {
        let names = ["chrI", "chrII", "chrIII", "chrMt", "scaffold_77"];
        assert_eq!(nearest_names("ii", names.into_iter()), ["chrII", "chrI", "chrIII"]);
        assert_eq!(nearest_names("scafold_77", names.into_iter()), ["scaffold_77"]);
        assert!(nearest_names("completely_else", names.into_iter()).is_empty());
    }
}
