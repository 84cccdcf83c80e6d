use std::io::{self, BufRead, BufReader, Read};

use needletail::parser::{FastqReader, FastxReader};
use noodles_fasta::record::Definition;

use super::Source;
use crate::{Error, Result};

/// Bases handed out at a time, about.
const PIECE: usize = 1 << 16;

/// The header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHead {
    /// The first word of the header.
    pub name: String,
    /// The rest of the header, without the blanks around it.
    pub description: String,
    /// Line of the header, from 1.
    pub line: u64,
}

/// Reads FASTA or FASTQ record by record and piece by piece, so that memory does not grow with the length of a FASTA
/// record. The format is told by the first byte that is not a line end.
///
/// ```no_run
/// # use reprise::sequence::{SequenceReader, Source};
/// # fn main() -> reprise::Result<()> {
/// let mut reader = SequenceReader::open(&Source::new("genome.fa.gz"))?;
/// while let Some(record) = reader.next_record()? {
///     let mut length = 0;
///     while let Some(bases) = reader.next_bases()? {
///         length += bases.len();
///     }
///     println!("{}\t{length}", record.name);
/// }
/// # Ok(())
/// # }
/// ```
pub struct SequenceReader {
    source: Source,
    format: Format,
    piece: Vec<u8>,
}

enum Format {
    Fasta { reader: noodles_fasta::io::Reader<Lines>, definition: Box<Definition> },
    // The bases of the record in hand, until they have been handed out.
    Fastq { reader: Box<dyn FastxReader>, skipped: u64, bases: Option<Vec<u8>> },
}

impl SequenceReader {
    /// Opens a source and looks at its first byte.
    ///
    /// # Errors
    /// As [`Source::open`]; [`Error::Input`] when it is neither FASTA nor FASTQ.
    pub fn open(source: &Source) -> Result<Self> {
        let mut lines = Lines { inner: BufReader::with_capacity(1 << 17, source.open()?), count: 0 };
        let first = loop {
            let line = lines.count + 1;
            let buffer = lines.fill_buf().map_err(|e| source.read_error(line, e))?;
            match buffer.first() {
                Some(b'\n' | b'\r') => lines.consume(1),
                first => break first.copied(),
            }
        };
        let line = lines.count + 1;
        let format = match first {
            Some(b'>') => Format::Fasta { reader: noodles_fasta::io::Reader::new(lines), definition: Box::default() },
            Some(b'@') => {
                Format::Fastq { skipped: lines.count, reader: Box::new(FastqReader::new(lines)), bases: None }
            }
            Some(other) => {
                return Err(Error::input(
                    source.path(),
                    Some(line),
                    format!("starts with {:?} and so is neither FASTA ('>') nor FASTQ ('@')", char::from(other)),
                ));
            }
            None if line == 1 => {
                return Err(Error::input(source.path(), None, "is empty; give a FASTA or FASTQ file"));
            }
            None => return Err(Error::input(source.path(), Some(line), "holds nothing but line ends")),
        };
        Ok(Self { source: source.clone(), format, piece: Vec::new() })
    }

    /// The next record's header; what is left of the record before is skipped. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Input`] for a header without a name or with a name that is not UTF-8, for a malformed record and for a
    /// compressed stream that is cut short or damaged; [`Error::Io`] when the system fails.
    pub fn next_record(&mut self) -> Result<Option<RecordHead>> {
        while self.next_bases()?.is_some() {}
        match &mut self.format {
            Format::Fasta { reader, definition } => {
                let line = reader.get_ref().count + 1;
                match reader.read_definition(definition) {
                    Ok(0) => Ok(None),
                    Ok(_) => {
                        let description = definition.description().map_or(&[][..], |text| text.as_ref());
                        head(&self.source, definition.name(), description, line).map(Some)
                    }
                    Err(e) if e.kind() == io::ErrorKind::InvalidData && e.to_string() == "missing name" => {
                        Err(Error::input(self.source.path(), Some(line), "the header has no name after '>'"))
                    }
                    Err(e) => Err(self.source.read_error(line, e)),
                }
            }
            Format::Fastq { reader, skipped, bases } => match reader.next() {
                None => Ok(None),
                Some(Ok(record)) => {
                    let line = record.start_line_number() + *skipped;
                    let id = record.id();
                    let name_end = id.iter().position(u8::is_ascii_whitespace).unwrap_or(id.len());
                    let head = head(&self.source, &id[..name_end], id[name_end..].trim_ascii(), line)?;
                    let sequence = record.seq();
                    check_letters(&self.source, &sequence, line + 1)?;
                    *bases = Some(sequence.into_owned());
                    Ok(Some(head))
                }
                Some(Err(e)) => {
                    let line = e.position.line + *skipped;
                    Err(match e.kind {
                        needletail::errors::ParseErrorKind::Io => {
                            self.source.read_error(line, io::Error::new(io::ErrorKind::InvalidData, e.msg))
                        }
                        _ => Error::input(
                            self.source.path(),
                            Some(line),
                            format!("the FASTQ record that begins here is not whole: {}", e.msg),
                        ),
                    })
                }
            },
        }
    }

    /// The next piece of the record's bases, without line ends and blanks; letters, `-`, `*` and `.` only. `None` at its end.
    ///
    /// # Errors
    /// As [`next_record`](Self::next_record), and [`Error::Input`] for a byte that is no letter of a sequence.
    pub fn next_bases(&mut self) -> Result<Option<&[u8]>> {
        self.piece.clear();
        match &mut self.format {
            Format::Fasta { reader, .. } => {
                // Before the first header there is no sequence to read: the reader would stop at its '>'.
                let mut sequence = reader.sequence_reader();
                while self.piece.len() < PIECE {
                    let start = self.piece.len();
                    let length = match sequence.fill_buf() {
                        Ok([]) => break,
                        Ok(line) => {
                            self.piece.extend_from_slice(line);
                            line.len()
                        }
                        Err(e) => {
                            let line = reader.get_ref().count + 1;
                            return Err(self.source.read_error(line, e));
                        }
                    };
                    sequence.consume(length);
                    if !letters_only(&self.piece[start..]) {
                        // Blanks at the end of a line or within it, as old libraries have them.
                        self.piece.extract_if(start.., |byte| matches!(byte, b' ' | b'\t' | b'\r')).for_each(drop);
                        let line = reader.get_ref().count + 1;
                        check_letters(&self.source, &self.piece[start..], line)?;
                        sequence = reader.sequence_reader();
                    }
                }
            }
            Format::Fastq { bases, .. } => {
                if let Some(bases) = bases.take() {
                    self.piece = bases;
                }
            }
        }
        Ok((!self.piece.is_empty()).then_some(&self.piece))
    }
}

fn head(source: &Source, name: &[u8], description: &[u8], line: u64) -> Result<RecordHead> {
    if name.is_empty() {
        return Err(Error::input(source.path(), Some(line), "the header has no name"));
    }
    let name = std::str::from_utf8(name)
        .map_err(|_| Error::input(source.path(), Some(line), "the record's name is not UTF-8; rename it"))?;
    Ok(RecordHead { name: name.to_owned(), description: String::from_utf8_lossy(description).into_owned(), line })
}

/// Whether every byte is an ASCII letter; a loop that the compiler turns into vector code.
fn letters_only(bases: &[u8]) -> bool {
    bases.iter().fold(true, |all, &b| all & ((b | 0x20).wrapping_sub(b'a') < 26))
}

fn check_letters(source: &Source, bases: &[u8], line: u64) -> Result<()> {
    match bases.iter().find(|&&b| !(b.is_ascii_alphabetic() || matches!(b, b'-' | b'*' | b'.'))) {
        None => Ok(()),
        Some(&byte) => Err(Error::input(
            source.path(),
            Some(line),
            format!("{:?} is no letter of a sequence; is this FASTA?", char::from(byte)),
        )),
    }
}

/// Counts the line ends that are consumed.
struct Lines {
    inner: BufReader<Box<dyn Read + Send>>,
    count: u64,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = {
            let mut available = self.fill_buf()?;
            available.read(buffer)?
        };
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let passed = &self.inner.buffer()[..amount];
        self.count += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.inner.consume(amount);
    }
}
