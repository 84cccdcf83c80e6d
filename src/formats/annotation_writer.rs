//! The interface of every annotation format, in a file that all of them can import.

use crate::align::Library;
use crate::annotate::RepeatCopy;
use crate::formats::copy_row::CopyRow;
use crate::genome::Contig;

/// A format of an annotation. Text is appended to a buffer, line ends included.
pub(super) trait AnnotationWriter {
    /// Appends what precedes the rows.
    fn header(&self, _contigs: &[Contig], _out: &mut Vec<u8>) {}

    /// Appends the rows of copies, which are sorted by contig and start.
    fn rows(&self, copies: &CopyTable<'_>, out: &mut Vec<u8>) {
        copies.rows().for_each(|row| self.row(&row, out));
    }

    /// Appends the row of one copy or fragment.
    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>);
}

/// Copies together with the names that their rows need.
pub(super) struct CopyTable<'a> {
    pub(super) copies: &'a [RepeatCopy],
    library: &'a Library,
    contigs: &'a [Contig],
}

impl<'a> CopyTable<'a> {
    pub(super) fn new(copies: &'a [RepeatCopy], library: &'a Library, contigs: &'a [Contig]) -> Self {
        Self { copies, library, contigs }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = CopyRow<'a>> {
        let (library, contigs) = (self.library, self.contigs);
        self.copies.iter().map(move |copy| CopyRow::new(copy, library, contigs))
    }
}
