//! GFF3 with the parts of copies: long terminal repeats, solo ones among them, inverted terminal repeats, what lies
//! between long ones, and the duplicated target beside a copy.
//!
//! Parents are features of which the Sequence Ontology says that the part is a part. It has no term for the internal
//! part of a retrotransposon and no relation of target sites to one, so these derive from the copy.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

use ahash::AHashMap;

use crate::Result;
use crate::align::Alignment;
use crate::annotate::{RepeatCopy, family_and_class};
use crate::families::{Element, LTR, MAX_SITE_FLANK, MAX_SITE_OVERLAP, RepeatKind, is_of_order, target_site};
use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::copy_row::CopyRow;
use crate::formats::gff3::{self, Gff3};
use crate::formats::ontology::ontology_term;
use crate::memory::Component;

/// Annotations as GFF3 with the parts of copies.
pub(super) struct Gff3Parts;

/// Bytes of text that are written together, about.
const WRITE_BYTES: usize = 1 << 19;

impl AnnotationWriter for Gff3Parts {
    fn write(&self, table: &CopyTable<'_>, _header: bool, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut text = Vec::new();
        Gff3.header(table.contigs, &mut text);
        let mut elements: AHashMap<u32, Option<Element>> = AHashMap::new();
        for copies in table.copies.chunk_by(|a, b| a.alignment.contig == b.alignment.contig) {
            for copy in copies {
                let number = copy.alignment.query;
                elements.entry(number).or_insert_with(|| Element::of(table.library, number as usize));
            }
            let element = |query: u32| elements.get(&query).and_then(Option::as_ref);
            let bytes = copies.len() as u64 * BYTES_PER_COPY;
            let _reservation = table.index.budget().reserve(Component::Output, bytes, "the parts of copies")?;
            let contig = ContigCopies::new(copies, element);
            // Lines by start, since a target site precedes its copy. None begins further before its fragment than that.
            let mut waiting: BTreeMap<(u64, usize), Vec<u8>> = BTreeMap::new();
            for (number, (copy, row)) in copies.iter().zip(table.rows(copies)).enumerate() {
                let complete = row.start.saturating_sub((MAX_SITE_FLANK + MAX_SITE_OVERLAP) as u64);
                while let Some(entry) = waiting.first_entry().filter(|entry| entry.key().0 < complete) {
                    text.append(&mut entry.remove());
                }
                if text.len() >= WRITE_BYTES {
                    write(&text)?;
                    text.clear();
                }
                let mut lines = Lines { row: &row, lines: Vec::new() };
                contig.lines(number, copy, element(copy.alignment.query), table, &mut lines)?;
                for (order, (start, line)) in lines.lines.into_iter().enumerate() {
                    waiting.insert((start, number * MAX_LINES + order), line);
                }
            }
            waiting.into_values().for_each(|mut line| text.append(&mut line));
        }
        write(&text)
    }
}

/// Bases between a terminal repeat and the internal part of its element, at most: consensi of parts lack bases at the
/// ends that face each other.
const MAX_GAP: u64 = 100;
/// Fragments between them, at most: short ones of other families may fill the gap.
const MAX_BETWEEN: usize = 2;
/// Bytes of a fragment among those of its copy: an entry of the table, and a list of one.
const BYTES_PER_COPY: u64 = 80;
/// Lines of a fragment, at most: its own, two terminal repeats, the internal part, two target sites.
const MAX_LINES: usize = 6;

/// Lines of a fragment, with their starts.
struct Lines<'a> {
    row: &'a CopyRow<'a>,
    lines: Vec<(u64, Vec<u8>)>,
}

impl Lines<'_> {
    /// Adds the line of the fragment itself.
    fn push_fragment(&mut self, term: &str) {
        let mut line = Vec::new();
        gff3::push_row(self.row, term, &mut line);
        self.lines.push((self.row.start, line));
    }

    /// Adds the line of a part.
    fn push_part(&mut self, term: &str, range: Range<u64>, attributes: &str) {
        let mut line = Vec::new();
        gff3::push_begin(self.row, term, range.clone(), &mut line);
        // Writing into a Vec cannot fail.
        let _ = write!(line, ".\t{}\t.\t{attributes};Name=", self.row.strand);
        gff3::push_value(&mut line, self.row.family);
        line.push(b'\n');
        self.lines.push((range.start, line));
    }
}

/// The copies of a contig whose parts are known.
struct ContigCopies<'a> {
    copies: &'a [RepeatCopy],
    /// Positions of the fragments of each copy, by its number.
    fragments: AHashMap<u64, Vec<usize>>,
}

impl<'a> ContigCopies<'a> {
    fn new<'e>(copies: &'a [RepeatCopy], element: impl Fn(u32) -> Option<&'e Element>) -> Self {
        let mut fragments: AHashMap<u64, Vec<usize>> = AHashMap::new();
        for (position, copy) in copies.iter().enumerate().filter(|(_, copy)| element(copy.alignment.query).is_some()) {
            fragments.entry(copy.id).or_default().push(position);
        }
        Self { copies, fragments }
    }

    /// Whether a copy of an internal part lies beside the fragment at a position, on the same strand.
    fn has_internal_beside(&self, position: usize, table: &CopyTable<'_>) -> bool {
        let own = &self.copies[position].alignment;
        let is_beside = |copy: &RepeatCopy| {
            let Alignment { range, strand, query, .. } = &copy.alignment;
            let gap = range.start.saturating_sub(own.range.end).max(own.range.start.saturating_sub(range.end));
            gap <= MAX_GAP
                && *strand == own.strand
                && part_of_name(table.library.name(*query as usize)) == Some(NamedPart::Internal)
        };
        let first = position.saturating_sub(MAX_BETWEEN + 1);
        let last = (position + MAX_BETWEEN + 2).min(self.copies.len());
        self.copies[first..last].iter().any(is_beside)
    }

    /// Adds the lines of the fragment at a position.
    fn lines(
        &self,
        position: usize,
        copy: &RepeatCopy,
        element: Option<&Element>,
        table: &CopyTable<'_>,
        lines: &mut Lines<'_>,
    ) -> Result<()> {
        let term = ontology_term(lines.row.family, lines.row.class);
        let (Some(element), Some(positions)) = (element, self.fragments.get(&copy.id)) else {
            let name = table.library.name(copy.alignment.query as usize);
            lines.push_fragment(match part_of_name(name) {
                Some(NamedPart::TerminalRepeat) if self.has_internal_beside(position, table) => "long_terminal_repeat",
                Some(NamedPart::TerminalRepeat) => "solo_LTR",
                _ => term,
            });
            return Ok(());
        };
        let fragments: Vec<&Alignment> = positions.iter().map(|&at| &self.copies[at].alignment).collect();
        let is_solo = element.is_solo(fragments.iter().copied());
        let id = copy.id;
        let is_first = positions.first() == Some(&position);
        let site = match is_first && element.has_ends(&fragments, is_solo) {
            true => site_ranges(&fragments, table)?,
            false => None,
        };
        let derived = |name: &str| format!("ID=copy{id}.{name};Derives_from=copy{id}");
        if let Some([before, behind]) = site {
            lines.push_part("target_site_duplication", before, &derived("target"));
            // It lies behind the other fragments too, but is written with the first one if there is only one.
            lines.push_part("target_site_duplication", behind, &derived("target"));
        }
        let parts = element.parts(&copy.alignment);
        match element.kind {
            RepeatKind::Long if is_solo => lines.push_fragment("solo_LTR"),
            RepeatKind::Long => {
                lines.push_fragment(term);
                for range in parts.terminal {
                    lines.push_part("long_terminal_repeat", range, &format!("Parent=copy{id}"));
                }
                if let Some(range) = parts.internal {
                    lines.push_part("repeat_component", range, &(derived("internal") + ";Note=internal part"));
                }
            }
            RepeatKind::Inverted => {
                lines.push_fragment("terminal_inverted_repeat_element");
                for range in parts.terminal {
                    lines.push_part("terminal_inverted_repeat", range, &format!("Parent=copy{id}"));
                }
            }
        }
        Ok(())
    }
}

/// The part of an LTR element that a sequence of a library is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedPart {
    TerminalRepeat,
    Internal,
}

/// The part that the name and class of a sequence show: names end with `_LTR` or `-LTR`, and with `-int`, `_INT`, `_I` or
/// `-I`, as in Dfam and Repbase.
fn part_of_name(name: &str) -> Option<NamedPart> {
    let (family, class) = family_and_class(name);
    let is_ltr = is_of_order(class, LTR);
    let ends = |ends: &[&str]| ends.iter().any(|end| family.ends_with(end));
    match is_ltr {
        true if ends(&["_LTR", "-LTR"]) => Some(NamedPart::TerminalRepeat),
        true if ends(&["-int", "_INT", "-INT", "_I", "-I"]) => Some(NamedPart::Internal),
        _ => None,
    }
}

/// The bases of the two copies of the target of an insertion with these fragments.
fn site_ranges(fragments: &[&Alignment], table: &CopyTable<'_>) -> Result<Option<[Range<u64>; 2]>> {
    let (Some(first), Some(last)) = (fragments.first(), fragments.last()) else { return Ok(None) };
    let (start, end) = (first.range.start, last.range.end);
    let length = table.contigs[first.contig as usize].length;
    let (flank, overlap) = (MAX_SITE_FLANK as u64, MAX_SITE_OVERLAP as u64);
    if start < flank || end + flank > length || end - start < 2 * overlap {
        return Ok(None);
    }
    let codes = |range: Range<u64>| -> Result<Vec<u8>> {
        let mut codes = Vec::new();
        table.sequence(first.contig, range.clone())?.codes(range, &mut codes);
        Ok(codes)
    };
    let (before, behind) = (codes(start - flank..start + overlap)?, codes(end - overlap..end + flank)?);
    Ok(target_site(&before, &behind).map(|(length, off_start, off_end)| {
        let (before_end, behind_start) = (start.saturating_add_signed(-off_start), end.saturating_add_signed(off_end));
        [before_end - length as u64..before_end, behind_start..behind_start + length as u64]
    }))
}
