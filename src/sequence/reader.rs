//! Genomes come in every spelling of FASTA and FASTQ, and a wrong one must be named with its line before it becomes a
//! wrong index. One reader serves builds, queries and libraries.
//!
//! It is our own because no crate has its properties. needletail grows its buffer to a whole record, a chromosome of 1
//! Gb included, outside the budget, and reads FASTQ with four lines per record only; noodles-fastq has both limits too.
//! noodles-fasta streams a sequence, but does not check its letters, reports no line of a problem, and takes a carriage
//! return at the end of its buffer for a base. None skips byte order marks between concatenated files or refuses
//! protein.

use std::io::{BufRead, Read};

use crate::sequence::foreign;
use crate::sequence::input::{BYTE_ORDER_MARK, Input};
use crate::sequence::protein::ProteinCheck;
use crate::sequence::source::Source;
use crate::{Error, Notice, Progress, Result};

/// Bases returned at a time, about.
const PIECE: usize = 1 << 16;

/// Buffer of a reader, in bytes: a piece exceeds [`PIECE`] by at most as many bases.
const BUFFER: usize = 1 << 17;

/// Longest header line, in bytes: those of assemblies have a few hundred. It bounds the memory of records read ahead.
pub(crate) const MAX_HEADER: usize = 1 << 16;

/// The header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHead {
    /// The first word of the header, with the prefix of the source before it.
    pub name: String,
    /// The rest of the header, without the blanks around it.
    pub description: String,
    /// Line of the header, from 1; in a .2bit file the number of the sequence.
    pub line: u64,
}

/// Reads FASTA or FASTQ record by record and piece by piece, in constant memory. The format is detected by the first
/// byte that is not a line end; a UTF-8 byte order mark is skipped.
///
/// Lines end with LF or CRLF. U is read as T. A FASTQ record may have several lines of sequence, and then of qualities
/// (P. J. A. Cock and others, Nucleic Acids Res. 38 (2010) 1767).
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
    input: Input<Box<dyn Read + Send>>,
    is_fastq: bool,
    part: RecordPart,
    /// Line of the next byte, from 1.
    line: u64,
    /// Whether the next byte is the first of its line.
    at_line_start: bool,
    /// Whether the part of the line read so far ends with a carriage return.
    carriage_return: bool,
    piece: Vec<u8>,
    record: RecordState,
    /// Line of the first empty record that was skipped, and their number.
    skipped: Option<(u64, u64)>,
}

/// The part of a record to which the next line belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordPart {
    /// Between records.
    Outside,
    Sequence,
    /// Of FASTQ, the line with `+` and what follows.
    Qualities,
}

/// The current record, as far as it was read.
#[derive(Debug, Clone, Copy, Default)]
struct RecordState {
    /// Line of the header.
    line: u64,
    letters: u64,
    /// Whether they are on several lines.
    several_lines: bool,
    protein: ProteinCheck,
}

impl SequenceReader {
    /// Opens a source and detects its format.
    ///
    /// # Errors
    /// As [`Source::open`]; [`Error::Input`] if it is neither FASTA nor FASTQ.
    pub fn open(source: &Source) -> Result<Self> {
        Self::of(source.open()?, source)
    }

    /// Reads what `reader` reads, and detects its format; errors name `source`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is neither FASTA nor FASTQ.
    pub(crate) fn of(reader: Box<dyn Read + Send>, source: &Source) -> Result<Self> {
        let mut input = Input::new(reader, BUFFER);
        let failed = |line| move |e| source.read_error(line, e);
        if input.peek(foreign::MARKS).map_err(failed(1))?.is_empty() {
            return Err(Error::input(source.path(), None, "is empty; use a FASTA or FASTQ file"));
        }
        if input.buffered().starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        let mut line = 1;
        while let Some(&end @ (b'\n' | b'\r')) = input.fill_buf().map_err(failed(line))?.first() {
            input.consume(1);
            line += u64::from(end == b'\n');
        }
        let start = input.peek(foreign::MARKS).map_err(failed(line))?;
        let wrong = |problem: String| Error::input(source.path(), Some(line), problem);
        let Some(&first) = start.first() else { return Err(wrong("contains nothing but line ends".to_owned())) };
        if let Some((name, remedy)) = foreign::other(start).or_else(|| foreign::packed(start)) {
            return Err(wrong(format!("is {name}, neither FASTA nor FASTQ; {remedy}")));
        }
        if !matches!(first, b'>' | b'@') {
            let first = char::from(first);
            return Err(wrong(format!("starts with {first:?} and so is neither FASTA ('>') nor FASTQ ('@')")));
        }
        Ok(Self {
            source: source.clone(),
            input,
            is_fastq: first == b'@',
            part: RecordPart::Outside,
            line,
            at_line_start: true,
            carriage_return: false,
            piece: Vec::new(),
            record: RecordState::default(),
            skipped: None,
        })
    }

    /// The header of the next record; the rest of the current record is skipped. `None` at the end. FASTA records
    /// without name and sequence are skipped ([`report_skipped`](Self::report_skipped)).
    ///
    /// # Errors
    /// [`Error::Input`] for a header without a name, with a name that is not UTF-8, with a NUL byte, of more than 64
    /// KiB; for a malformed record, one of protein, a carriage return within a line, and a compressed stream that is
    /// truncated or damaged; [`Error::Io`] if the system fails.
    pub fn next_record(&mut self) -> Result<Option<RecordHead>> {
        loop {
            while self.next_bases()?.is_some() {}
            self.skip_blank_lines()?;
            let line = self.line;
            match self.next_byte()? {
                None => return Ok(None),
                Some(b'@') if self.is_fastq => {}
                Some(b'>') if !self.is_fastq => {}
                Some(other) => {
                    let other = char::from(other);
                    let problem = format!(
                        "a record of FASTQ begins with '@', not with {other:?}; the one before may have more \
                         qualities than bases"
                    );
                    return Err(self.wrong(line, problem));
                }
            }
            self.read_header()?;
            self.record = RecordState { line, ..RecordState::default() };
            let header = self.piece[1..].trim_ascii();
            if header.is_empty() {
                if !self.is_fastq {
                    self.skip_blank_lines()?;
                    if matches!(self.next_byte()?, None | Some(b'>')) {
                        let (_, records) = self.skipped.get_or_insert((line, 0));
                        *records += 1;
                        continue;
                    }
                }
                return Err(self.wrong(line, "the header has no name"));
            }
            self.part = RecordPart::Sequence;
            let end = header.iter().position(u8::is_ascii_whitespace).unwrap_or(header.len());
            let (name, description) = header.split_at(end);
            let Ok(name) = std::str::from_utf8(name) else {
                return Err(self.wrong(line, "the record's name is not UTF-8; rename it"));
            };
            if header.contains(&0) {
                return Err(
                    self.wrong(line, "the header contains a NUL byte; the file is damaged, copy or download it again")
                );
            }
            return Ok(Some(RecordHead {
                name: format!("{}{name}", self.source.prefix()),
                description: String::from_utf8_lossy(description.trim_ascii()).into_owned(),
                line,
            }));
        }
    }

    /// The next piece of the record's bases, without line ends and blanks: letters, `-`, `*` and `.`. `None` at its
    /// end.
    ///
    /// # Errors
    /// As [`next_record`](Self::next_record); [`Error::Input`] also for a byte that is not a letter of a sequence.
    pub fn next_bases(&mut self) -> Result<Option<&[u8]>> {
        self.piece.clear();
        while self.part == RecordPart::Sequence && self.piece.len() < PIECE {
            if self.at_line_start {
                match (self.next_byte()?, self.is_fastq) {
                    (Some(b'>'), false) | (None, false) => self.part = RecordPart::Outside,
                    (Some(b'+'), true) => self.part = RecordPart::Qualities,
                    (Some(b'@'), true) => {
                        return Err(self.wrong(
                            self.record.line,
                            "the FASTQ record that begins here is not whole: it has no qualities",
                        ));
                    }
                    (None, true) => return Err(self.cut("before its qualities")),
                    _ => {}
                }
                if self.part != RecordPart::Sequence {
                    self.check_protein()?;
                    break;
                }
            }
            self.read_letters()?;
        }
        if !self.piece.is_empty() {
            return Ok(Some(&self.piece));
        }
        if self.part == RecordPart::Qualities {
            self.read_qualities()?;
            self.part = RecordPart::Outside;
        }
        Ok(None)
    }

    /// Reports the records without name and sequence that were skipped so far.
    pub fn report_skipped(&self, progress: &dyn Progress) {
        if let Some((line, records)) = self.skipped {
            progress.notice(&Notice::EmptyRecords { path: self.source.path().to_owned(), line, records });
        }
    }

    fn wrong(&self, line: u64, problem: impl Into<String>) -> Error {
        Error::input(self.source.path(), Some(line), problem)
    }

    fn cut(&self, position: &str) -> Error {
        let problem = format!(
            "the FASTQ record that begins here is not whole: the file ends {position}; copy or download it again"
        );
        self.wrong(self.record.line, problem)
    }

    /// The first byte of the next line, without consuming it. A byte order mark before it is skipped: files that begin
    /// with one may have been concatenated.
    fn next_byte(&mut self) -> Result<Option<u8>> {
        let failed = |e| self.source.read_error(self.line, e);
        if self.input.fill_buf().map_err(failed)?.first() == BYTE_ORDER_MARK.first()
            && self.input.peek(BYTE_ORDER_MARK.len()).map_err(failed)?.starts_with(BYTE_ORDER_MARK)
        {
            self.input.consume(BYTE_ORDER_MARK.len());
        }
        Ok(self.input.fill_buf().map_err(failed)?.first().copied())
    }

    /// Skips blanks and blank lines.
    fn skip_blank_lines(&mut self) -> Result<()> {
        while let Some(&blank @ (b'\n' | b'\r' | b' ' | b'\t')) =
            self.input.fill_buf().map_err(|e| self.source.read_error(self.line, e))?.first()
        {
            self.input.consume(1);
            self.line += u64::from(blank == b'\n');
        }
        self.at_line_start = true;
        Ok(())
    }

    /// Replaces the piece with the next line, with its `>` or `@`.
    fn read_header(&mut self) -> Result<()> {
        self.piece.clear();
        let line = self.line;
        while self.read_part()? && !self.at_line_start {
            if self.piece.len() > MAX_HEADER {
                break;
            }
        }
        if self.piece.len() > MAX_HEADER {
            let problem = format!("the header is longer than {} KiB; shorten it", MAX_HEADER >> 10);
            return Err(self.wrong(line, problem));
        }
        Ok(())
    }

    /// Appends the letters of the current line, or a part of them.
    fn read_letters(&mut self) -> Result<()> {
        let start = self.piece.len();
        let line = self.line;
        let follows = self.at_line_start && self.record.letters > 0;
        self.read_part()?;
        let (letters_only, with_u) = survey(&self.piece[start..]);
        if !letters_only {
            // Old libraries have blanks within lines and at their ends.
            self.piece.extract_if(start.., |byte| matches!(byte, b' ' | b'\t')).for_each(drop);
            let strange = |&&byte: &&u8| !(byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'*' | b'.'));
            if let Some(&byte) = self.piece[start..].iter().find(strange) {
                let byte = char::from(byte);
                return Err(self.wrong(line, format!("{byte:?} is no letter of a sequence; is this FASTA?")));
            }
        }
        let letters = &mut self.piece[start..];
        if with_u {
            letters.iter_mut().filter(|letter| matches!(letter, b'U' | b'u')).for_each(|letter| *letter -= 1);
        }
        let record = &mut self.record;
        record.letters += letters.len() as u64;
        record.several_lines |= follows && !letters.is_empty();
        if record.protein.count(letters) {
            self.check_protein()?;
        }
        Ok(())
    }

    /// Refuses a record that looks like protein.
    fn check_protein(&self) -> Result<()> {
        match self.record.protein.problem() {
            Some(problem) => Err(self.wrong(self.record.line, problem)),
            None => Ok(()),
        }
    }

    /// Reads the line with `+` and as many qualities as the record has letters: on one line if the letters are on one.
    fn read_qualities(&mut self) -> Result<()> {
        // After the '+' the name is repeated.
        while self.read_part()? && !self.at_line_start {
            self.piece.clear();
        }
        let RecordState { line: begin, letters, several_lines, .. } = self.record;
        let mut qualities = 0;
        while qualities < letters {
            let line = self.line;
            loop {
                self.piece.clear();
                if !self.read_part()? {
                    break;
                }
                if let Some(byte) = self.piece.iter().find(|byte| !byte.is_ascii_graphic()) {
                    return Err(self.wrong(line, format!("{:?} is no quality of FASTQ", char::from(*byte))));
                }
                qualities += self.piece.len() as u64;
                if self.at_line_start {
                    break;
                }
            }
            if qualities < letters && self.next_byte()?.is_none() {
                return Err(self.cut("within its qualities"));
            }
            if qualities > letters || !several_lines && qualities < letters {
                let problem = format!(
                    "the FASTQ record that begins at line {begin} has {letters} bases and {qualities} qualities up to \
                     here"
                );
                return Err(self.wrong(line, problem));
            }
        }
        self.piece.clear();
        Ok(())
    }

    /// Appends the buffered part of the current line to the piece, without the end of the line. False at the end of the
    /// input, which ends a line too.
    fn read_part(&mut self) -> Result<bool> {
        let buffer = self.input.fill_buf().map_err(|e| self.source.read_error(self.line, e))?;
        if buffer.is_empty() {
            self.at_line_start = true;
            return Ok(false);
        }
        let end = memchr::memchr(b'\n', buffer);
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let start = self.piece.len();
        self.piece.extend_from_slice(part);
        let length = part.len() + usize::from(end.is_some());
        self.input.consume(length);
        let part = &self.piece[start..];
        if self.carriage_return || memchr::memchr(b'\r', part).is_some() {
            let kept = part.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
            if self.carriage_return && kept > 0 || memchr::memchr(b'\r', &part[..kept]).is_some() {
                let problem = "a carriage return is within the line, as in files with the line ends of the classic \
                               Mac OS; write LF line ends with `tr '\\r' '\\n'`";
                return Err(self.wrong(self.line, problem));
            }
            self.carriage_return |= kept < part.len();
            self.piece.truncate(start + kept);
        }
        self.at_line_start = end.is_some();
        if self.at_line_start {
            self.carriage_return = false;
            self.line += 1;
        }
        Ok(true)
    }
}

/// Whether every byte is an ASCII letter, and whether one of them is U. The loop compiles to vector code.
fn survey(bases: &[u8]) -> (bool, bool) {
    bases.iter().fold((true, false), |(all, with_u), &byte| {
        let lower = byte | 0x20;
        (all & (lower.wrapping_sub(b'a') < 26), with_u | (lower == b'u'))
    })
}
