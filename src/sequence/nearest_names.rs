//! A mistyped contig name is the commonest error of a query, so the message suggests names that exist.

use crate::sequence::region::RegionError;
use crate::text::shortened;

/// Bytes of the longest name that is compared; empirical: longer names are pasted, not typed.
const MAX_LENGTH: usize = 256;
/// Maximum number of edits between similar names: a typing error changes one or two letters.
const MAX_EDITS: usize = 2;
/// Names that a message suggests.
const MAX_NAMES: usize = 3;

/// Up to three of `names` that are similar to `unknown`, the most similar first. Case and a leading `chr` are ignored.
pub fn nearest_names<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = |name: &str| {
        let lower = name.to_lowercase();
        lower.strip_prefix("chr").unwrap_or(&lower).chars().collect::<Vec<char>>()
    };
    if unknown.len() > MAX_LENGTH {
        return Vec::new();
    }
    let wanted = plain(unknown);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in names.filter(|name| name.len() <= MAX_LENGTH) {
        let candidate = plain(name);
        let longest = wanted.len().max(candidate.len());
        if let Some(distance) = edit_distance(&wanted, &candidate).filter(|distance| distance * 2 <= longest) {
            near.push((distance, name));
            near.sort();
            near.truncate(MAX_NAMES);
        }
    }
    near.into_iter().map(|(_, name)| name).collect()
}

/// The edit distance of two texts if it is at most [`MAX_EDITS`]: a band of the table of all prefixes.
fn edit_distance(a: &[char], b: &[char]) -> Option<usize> {
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

/// A sentence on a contig that a genome does not have, with similar names among `contigs`, or the first one.
pub(crate) fn unknown_contig<'a>(unknown: &str, contigs: impl ExactSizeIterator<Item = &'a str> + Clone) -> String {
    let near: Vec<_> = nearest_names(unknown, contigs.clone()).into_iter().map(shortened).collect();
    let problem = RegionError::UnknownContig(unknown.to_owned());
    if near.is_empty() {
        let first = contigs.clone().next().unwrap_or("");
        format!("{problem}; its {} contigs begin with {:?}", contigs.len(), shortened(first))
    } else {
        format!("{problem}; did you mean {}?", near.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names() {
        let names = ["chrI", "chrII", "chrIII", "chrMt", "scaffold_77"];
        assert_eq!(nearest_names("ii", names.into_iter()), ["chrII", "chrI", "chrIII"]);
        assert_eq!(nearest_names("scafold_77", names.into_iter()), ["scaffold_77"]);
        assert!(nearest_names("completely_else", names.into_iter()).is_empty());
        let long = ["n".repeat(60_000), "n".repeat(60_001)];
        assert!(nearest_names(&long[0], long.iter().map(String::as_str)).is_empty());
    }

    #[test]
    fn a_band_finds_small_distances() {
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
                assert_eq!(edit_distance(a, b), (all <= MAX_EDITS).then_some(all), "{a:?} {b:?}");
            }
        }
    }
}
