//! Hits of RepeatMasker, which was run with the true library on the found one as if that were a genome.

use std::ops::Range;

use ahash::AHashMap;

use crate::align::Library;
use crate::annotate::family_and_class;
use crate::benchmark::hit::Hit;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{FeatureFormat, FeatureParser, Line, Lines, Source};
use crate::text::shortened;
use crate::{Error, Result};

/// Divergence below which a hit is close, in percent of substituted bases, as in `get_family_summary_paper.sh`.
const CLOSE_DIVERGENCE: f64 = 5.0;
/// The same for a similar hit.
const SIMILAR_DIVERGENCE: f64 = 20.0;

/// Reads the `.out` of RepeatMasker, or of `annotate`: its sequences are those of `found`, its repeats those of `truth`.
/// Names have no class, or that of the library. Rows of repeats that `truth` does not have are left out, such as simple
/// repeats.
///
/// # Errors
/// [`Error::Input`] with the line, for rows that cannot be read, a sequence that `found` does not have and a range that
/// is not in a sequence; and if all rows are of other repeats. [`Error::Memory`]; [`Error::Io`].
pub fn read_hits(
    source: &Source,
    found: &Library,
    truth: &Library,
    budget: &Budget,
) -> Result<(Vec<Hit>, Reservation)> {
    let names = (by_name(found), by_name(truth));
    let path = source.path();
    let mut lines = Lines::open(source, budget)?;
    let mut parser = FeatureParser::new(path);
    let (mut hits, mut others) = (Vec::new(), 0u64);
    let mut reservation = budget.empty_reservation(Component::Alignments);
    while let Some((number, line)) = lines.next()? {
        let in_line = |problem: String| Error::input(path, Some(number), problem);
        let line = String::from_utf8_lossy(line);
        match parser.line(&line, |_| false).map_err(in_line)? {
            Line::Header => continue,
            Line::End => break,
            Line::Feature(_) if parser.format() != Some(FeatureFormat::Out) => {
                return Err(in_line(
                    "is no row of RepeatMasker's .out; use that of the true library on this one".to_owned(),
                ));
            }
            Line::Feature(_) => {}
        }
        match hit(&line, found, truth, &names).map_err(in_line)? {
            None => others += 1,
            Some(hit) => {
                if hits.len() == hits.capacity() {
                    let more = hits.len().max(64);
                    reservation.grow((more * size_of::<Hit>()) as u64, "the alignments of the libraries")?;
                    hits.reserve_exact(more);
                }
                hits.push(hit);
            }
        }
    }
    if hits.is_empty() && others > 0 {
        let problem =
            "no row is of a repeat of the true library; run RepeatMasker with the true library on the found one";
        return Err(Error::input(path, None, problem));
    }
    Ok((hits, reservation))
}

/// Numbers of sequences by their names, and by their names without the class.
fn by_name(library: &Library) -> AHashMap<&str, u32> {
    let mut numbers = AHashMap::new();
    for number in 0..library.len() {
        numbers.entry(family_and_class(library.name(number)).0).or_insert(number as u32);
    }
    // A whole name precedes that of another sequence without its class.
    numbers.extend((0..library.len()).map(|number| (library.name(number), number as u32)));
    numbers
}

/// The hit of a row; `None` if its repeat is not in the true library.
fn hit(
    line: &str,
    found: &Library,
    truth: &Library,
    (found_names, true_names): &(AHashMap<&str, u32>, AHashMap<&str, u32>),
) -> Result<Option<Hit>, String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(14).collect();
    let &[_, divergence, _, _, sequence, begin, end, _, strand, repeat, _, first, second, third] = &fields[..] else {
        return Err("a row of .out has 14 columns or more".to_owned());
    };
    let Some(&found_number) = found_names.get(sequence) else {
        return Err(format!("there is no sequence {:?} in the library", shortened(sequence)));
    };
    let Some(&truth_number) = true_names.get(repeat) else { return Ok(None) };
    let divergence: f64 = divergence.parse().map_err(|_| format!("{divergence:?} is not a divergence in percent"))?;
    let (first, last) = if strand == "+" { (first, second) } else { (third, second) };
    let found_range = range(begin, end, sequence, found.sequence(found_number as usize).len())?;
    let truth_range = range(first, last, repeat, truth.sequence(truth_number as usize).len())?;
    let (is_close, is_similar) = (divergence < CLOSE_DIVERGENCE, divergence < SIMILAR_DIVERGENCE);
    Ok(Some(Hit { found: found_number, truth: truth_number, found_range, truth_range, is_close, is_similar }))
}

/// The interval between two columns, counted from 1, of a sequence of this length.
fn range(first: &str, last: &str, name: &str, length: usize) -> Result<Range<u32>, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{:?} is not a position", shortened(text)));
    let (first, last) = (number(first)?, number(last)?);
    if first == 0 || first > last || last as usize > length {
        return Err(format!(
            "{first}-{last} is not an interval of {:?}, which has {length} bases; use the libraries of this file",
            shortened(name)
        ));
    }
    Ok(first - 1..last)
}
