//! The interface of every annotation format, in a file that all of them can import.

use std::ops::Range;

use crate::align::Library;
use crate::annotate::RepeatCopy;
use crate::formats::copy_row::CopyRow;
use crate::genome::{Contig, TwoBitSequence};
use crate::sequence::Region;
use crate::{Index, Result};

/// An annotation, and what its formats say about it.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// Copies, by contig and start, none of which overlaps another.
    pub copies: &'a [RepeatCopy],
    /// The sequences of which they are copies.
    pub library: &'a Library,
    /// The index of the annotated genome.
    pub index: &'a Index,
    /// The contigs of the index, under the names that are written.
    pub contigs: &'a [Contig],
    /// Whether a format [with a header](crate::formats::AnnotationFormat::has_header) has it.
    pub header: bool,
}

/// Copies whose rows are made and written together: some 400 KB of text.
const COPIES_PER_WRITE: usize = 1 << 12;

/// A format of an annotation. Text is appended to a buffer, line ends included.
pub(super) trait AnnotationWriter {
    /// Writes an annotation, with or without a header.
    fn write(&self, table: &CopyTable<'_>, header: bool, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut text = Vec::new();
        if header {
            self.header(table.contigs, &mut text);
            write(&text)?;
        }
        for copies in table.copies.chunks(COPIES_PER_WRITE) {
            text.clear();
            table.rows(copies).for_each(|row| self.row(&row, &mut text));
            write(&text)?;
        }
        Ok(())
    }

    /// Appends what precedes the rows.
    fn header(&self, _contigs: &[Contig], _out: &mut Vec<u8>) {}

    /// Appends the row of one copy or fragment; nothing in a format of another structure than rows.
    fn row(&self, _row: &CopyRow<'_>, _out: &mut Vec<u8>) {}
}

/// Copies together with what their rows need.
pub(super) struct CopyTable<'a> {
    pub(super) copies: &'a [RepeatCopy],
    pub(super) library: &'a Library,
    pub(super) index: &'a Index,
    pub(super) contigs: &'a [Contig],
}

impl<'a> CopyTable<'a> {
    pub(super) fn new(annotation: &Annotation<'a>) -> Self {
        let Annotation { copies, library, index, contigs, .. } = *annotation;
        Self { copies, library, index, contigs }
    }

    /// The sequence of a contig, and a check that a range is within it.
    pub(super) fn sequence(&self, contig: u32, range: Range<u64>) -> Result<TwoBitSequence<'a>> {
        // By the name that it has in the index.
        let name = self.index.contigs()?[contig as usize].name.clone();
        self.index.region_record(&Region { contig: name, range }).map(|(_, sequence)| sequence)
    }

    pub(super) fn rows(&self, copies: &'a [RepeatCopy]) -> impl Iterator<Item = CopyRow<'a>> {
        let (library, contigs) = (self.library, self.contigs);
        copies.iter().map(move |copy| CopyRow::new(copy, library, contigs))
    }
}
