//! Annotations compressed with bgzip together with their index for tabix, so that browsers read a region of a large
//! one. The index is made while lines are written, because it needs the position of each in the compressed file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use noodles_bgzf as bgzf;
use noodles_core::Position;
use noodles_csi::binning_index::Indexer;
use noodles_csi::binning_index::index::header::{Builder, Header, ReferenceSequenceNames};
use noodles_csi::binning_index::index::reference_sequence;
use noodles_csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles_csi::binning_index::index::reference_sequence::index::{BinnedIndex, LinearIndex};

use crate::fs::Output;
use crate::{Error, Result};

/// The columns of a format that have the contig, start and end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Contig, start from 0 and end are the first three.
    Bed,
    /// Contig is the first, start from 1 and end the fourth and fifth.
    Gff,
}

/// Bases of the longest contig that the bins of `.tbi` cover (<https://samtools.github.io/hts-specs/tabix.pdf>).
const MAX_TBI_CONTIG: u64 = 1 << 29;
/// Bits of a position within the smallest bin, as in `.tbi`: 16 kb.
const CSI_MIN_SHIFT: u8 = 14;
/// Levels of bins of `.csi`: they cover 2^14 · 8^7 = 2^35 bases, more than any contig has.
const CSI_DEPTH: u8 = 7;

/// The kind of an index of bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TabixKind {
    /// For contigs of up to 2^29 bases.
    Tbi,
    /// For longer ones.
    Csi,
}

impl TabixKind {
    /// The kind for contigs of at most `longest` bases.
    pub fn of(longest: u64) -> Self {
        if longest > MAX_TBI_CONTIG { Self::Csi } else { Self::Tbi }
    }

    /// The end of the names of its files, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tbi => "tbi",
            Self::Csi => "csi",
        }
    }
}

/// The index of bins of either format.
enum BinIndexer {
    Tbi(Indexer<LinearIndex>),
    Csi(Indexer<BinnedIndex>),
}

/// A writer of lines compressed with bgzip and of their index: a file of the same name with `.tbi`, or `.csi` if a
/// contig is longer than 2^29 bases.
pub struct Tabix {
    lines: bgzf::io::Writer<Output>,
    index: Output,
    path: PathBuf,
    columns: Columns,
    bins: BinIndexer,
    names: ReferenceSequenceNames,
}

impl Tabix {
    /// Creates a file and its index for contigs of at most `longest` bases.
    ///
    /// # Errors
    /// As [`Output::create`]'s.
    pub fn create(path: &Path, force: bool, columns: Columns, longest: u64) -> Result<Self> {
        let kind = TabixKind::of(longest);
        let needs_csi = kind == TabixKind::Csi;
        let mut index = path.as_os_str().to_owned();
        index.push(".");
        index.push(kind.extension());
        let bins = match Indexer::new(CSI_MIN_SHIFT, CSI_DEPTH) {
            Some(indexer) if needs_csi => BinIndexer::Csi(indexer),
            _ => BinIndexer::Tbi(Indexer::default()),
        };
        Ok(Self {
            lines: bgzf::io::Writer::new(Output::create(Some(path), force)?),
            index: Output::create(Some(index.as_ref()), force)?,
            path: path.to_owned(),
            columns,
            bins,
            names: ReferenceSequenceNames::new(),
        })
    }

    /// Writes whole lines, which are sorted by contig and start. Lines of GFF that begin with `#` are comments; those
    /// of BED are rows, because names of contigs may begin so.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&mut self, text: &[u8]) -> Result<()> {
        text.split_inclusive(|&byte| byte == b'\n')
            .try_for_each(|line| self.write_line(line))
            .map_err(|e| Error::io("write", &self.path, e))
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let line_start = self.lines.virtual_position();
        self.lines.write_all(line)?;
        if self.columns == Columns::Gff && line.starts_with(b"#") {
            return Ok(());
        }
        let chunk = Chunk::new(line_start, self.lines.virtual_position());
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a line has no contig, start and end");
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
        let number = |column: usize| -> io::Result<usize> {
            let text = fields.get(column).and_then(|field| std::str::from_utf8(field).ok());
            text.and_then(|text| text.trim_end().parse().ok()).ok_or_else(invalid)
        };
        let (start, end) = match self.columns {
            Columns::Bed => (number(1)? + 1, number(2)?),
            Columns::Gff => (number(3)?, number(4)?),
        };
        let position = |number: usize| Position::new(number).ok_or_else(invalid);
        let (contig, _) = self.names.insert_full(fields[0].into());
        let context = Some((contig, position(start)?, position(end)?, true));
        let added = match &mut self.bins {
            BinIndexer::Tbi(indexer) => indexer.add_record(context, chunk),
            BinIndexer::Csi(indexer) => indexer.add_record(context, chunk),
        };
        added.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    /// Writes buffered lines and the index, and publishes both files together.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let Self { lines, mut index, path, columns, bins, names } = self;
        let contigs = names.len();
        let header = match columns {
            // Tabix skips lines that begin with the comment prefix, # unless set.
            Columns::Bed if names.iter().any(|name| name.starts_with(b"#")) => {
                Builder::bed().set_line_comment_prefix(0)
            }
            Columns::Bed => Builder::bed(),
            Columns::Gff => Builder::gff(),
        };
        let header = header.set_reference_sequence_names(names).build();
        let written = match bins {
            BinIndexer::Tbi(indexer) => {
                let mut writer = noodles_tabix::io::Writer::new(&mut index);
                writer.write_index(&build(indexer, header, contigs)).and_then(|()| writer.try_finish())
            }
            BinIndexer::Csi(indexer) => {
                let mut writer = noodles_csi::io::Writer::new(&mut index);
                writer
                    .write_index(&build(indexer, header, contigs))
                    .and_then(|()| writer.into_inner().finish())
                    .map(drop)
            }
        };
        let io_error = |e| Error::io("write", &path, e);
        written.map_err(io_error)?;
        Output::finish_all(vec![lines.finish().map_err(io_error)?, index])
    }
}

fn build<I: reference_sequence::Index + Default>(
    indexer: Indexer<I>,
    header: Header,
    contigs: usize,
) -> noodles_csi::binning_index::Index<I> {
    indexer.set_header(header).build(contigs)
}
