//! The file of the annotation of a range: a line of JSON that says what it is a part of, the results as compressed
//! frames, and the digest of all bytes before it.
//!
//! A frame is two numbers of 32 bits, little-endian (its bytes, and those before compression), and an LZ4 block of
//! postcard. The digest is BLAKE3, 32 bytes.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::align::{Alignment, ContigRange, Library, MAX_LONG_PERIOD, OperationKind, TandemSequence};
use crate::annotate::part::AnnotationPart;
use crate::bundle::{MAX_SHARDS, Manifest, WRITTEN_BY};
use crate::format::Identity;
use crate::fs::{FileDigest, open_regular};
use crate::genome::Contig;
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Result};

/// What the first line begins with.
const KIND: &str = "reprise annotation part";
/// Version of the file format.
const FORMAT_VERSION: u32 = 1;
/// Bytes of the first line, at most: paths of libraries are the most of it.
const MAX_HEADER: u64 = 1 << 20;
/// Bytes of the digest.
const DIGEST: u64 = 32;
/// Items of a frame.
const ITEMS: usize = 1 << 12;
/// Bytes that a byte of an LZ4 block stands for, at most.
const MAX_EXPANSION: u64 = 255;
/// Largest absolute score of an alignment, far above those of the longest contigs.
const MAX_SCORE: i32 = 1 << 30;
/// Bytes in memory of a byte of a frame, at most, while it is decoded: a tandem repeat without letters takes four bytes
/// of a frame.
const DECODED_BYTES: u64 = 16;
/// Missing parts that an error names.
const MAX_NAMED: usize = 10;
/// The user of the memory, as errors name it.
const PURPOSE: &str = "a part of an annotation";

/// What a part is a part of. Parts that agree in all but the number are of one annotation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartHeader {
    kind: String,
    format_version: u32,
    written_by: String,
    /// Number of the part, from 1.
    pub(crate) shard: u32,
    /// Number of all parts.
    pub(crate) of: u32,
    /// The index, as an absolute path or an address.
    pub(crate) index: PathBuf,
    identity: Identity,
    /// BLAKE3 of the genome.
    genome: String,
    pub(crate) libraries: Vec<PartLibrary>,
    pub(crate) max_e_value: f64,
    pub(crate) max_divergence: f64,
    /// Whether tandem repeats were searched.
    pub(crate) tandem: bool,
}

/// A library of an annotation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartLibrary {
    /// Its file, as an absolute path.
    pub(crate) path: PathBuf,
    /// Of its names and sequences.
    pub(crate) digest: FileDigest,
}

/// What is annotated, and how.
#[derive(Debug)]
pub(crate) struct PartSubject<'a> {
    /// Folder of the index, as an absolute path.
    pub(crate) index: PathBuf,
    pub(crate) manifest: &'a Manifest,
    pub(crate) libraries: Vec<PartLibrary>,
    pub(crate) max_e_value: f64,
    pub(crate) max_divergence: f64,
    pub(crate) tandem: bool,
}

impl PartHeader {
    /// The header of part `shard`, from 1, `of` all parts.
    pub(crate) fn new(subject: PartSubject<'_>, shard: u32, of: u32) -> Self {
        let PartSubject { index, manifest, libraries, max_e_value, max_divergence, tandem } = subject;
        Self {
            kind: KIND.to_owned(),
            format_version: FORMAT_VERSION,
            written_by: WRITTEN_BY.to_owned(),
            shard,
            of,
            index,
            identity: manifest.identity,
            genome: manifest.genome.blake3.clone(),
            libraries,
            max_e_value,
            max_divergence,
            tandem,
        }
    }

    /// The first line of the file.
    ///
    /// # Errors
    /// [`Error::Usage`] for paths that are not UTF-8, or too long.
    pub(crate) fn line(&self) -> Result<String> {
        let wrong = |problem: &str| Error::Usage(format!("a part names its index and libraries; {problem}"));
        let line = serde_json::to_string(self).map_err(|_| wrong("use paths that are UTF-8"))? + "\n";
        if line.len() as u64 > MAX_HEADER { Err(wrong("use fewer libraries or shorter paths")) } else { Ok(line) }
    }

    /// What differs between two headers that should be of one annotation, in words.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let libraries = |header: &Self| header.libraries.iter().map(|l| l.digest.clone()).collect::<Vec<_>>();
        [
            (self.written_by != other.written_by, "the version of reprise"),
            (self.genome != other.genome, "the genome"),
            (self.identity != other.identity, "the index"),
            (libraries(self) != libraries(other), "the library"),
            (self.max_e_value != other.max_e_value, "the maximum E-value"),
            (self.max_divergence != other.max_divergence, "the maximum divergence"),
            (self.tandem != other.tandem, "whether tandem repeats were searched"),
            (self.of != other.of, "the number of parts"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }

    /// Whether the part is of an index with this manifest.
    pub(crate) fn is_of(&self, manifest: &Manifest) -> bool {
        self.identity == manifest.identity && self.genome == manifest.genome.blake3
    }
}

/// Results of a part.
#[derive(Serialize, Deserialize)]
enum Frame {
    Tandem(Vec<TandemSequence>),
    Arrays(Vec<ContigRange>),
    Resolved(Vec<Alignment>),
    Unresolved(Vec<Alignment>),
}

impl Frame {
    /// Bytes of its items in memory.
    fn bytes(&self) -> u64 {
        match self {
            Self::Tandem(items) => items.iter().map(TandemSequence::bytes).sum(),
            Self::Arrays(items) => size_of_val(&items[..]) as u64,
            Self::Resolved(items) | Self::Unresolved(items) => items.iter().map(Alignment::bytes).sum(),
        }
    }

    fn items(&self) -> usize {
        match self {
            Self::Tandem(items) => items.len(),
            Self::Arrays(items) => items.len(),
            Self::Resolved(items) | Self::Unresolved(items) => items.len(),
        }
    }
}

/// Whether all that a part states is possible for a library and contigs.
fn is_sound(part: &AnnotationPart, library: &Library, contigs: &[Contig]) -> bool {
    let lies_in_contig = |contig: u32, range: &Range<u64>| {
        contigs.get(contig as usize).is_some_and(|contig| range.start < range.end && range.end <= contig.length)
    };
    let sequence = |query: usize| match query.checked_sub(library.len()) {
        None => Some(library.sequence(query).len()),
        Some(number) => part.tandem.get(number).map(|sequence| sequence.letters.len()),
    };
    let alignment = |alignment: &Alignment| {
        let Alignment { query, query_range, contig, range, score, e_value, counts, operations, .. } = alignment;
        let columns = |wanted: OperationKind| -> u64 {
            let all = operations.iter().filter(|operation| operation.kind == wanted);
            all.map(|operation| u64::from(operation.length)).sum()
        };
        let pairs = columns(OperationKind::Pair);
        let counted = [counts.matches, counts.transitions, counts.transversions, counts.unknown].map(u64::from);
        lies_in_contig(*contig, range)
            && query_range.start < query_range.end
            && sequence(*query as usize).is_some_and(|length| query_range.end as usize <= length)
            && pairs + columns(OperationKind::Insertion) == range.end - range.start
            && pairs + columns(OperationKind::Deletion) == u64::from(query_range.end - query_range.start)
            && counted.iter().sum::<u64>() == pairs
            && (-MAX_SCORE..=MAX_SCORE).contains(score)
            && e_value.is_finite()
    };
    let tandem = |TandemSequence { name, period, chosen_bases, letters }: &TandemSequence| {
        (1..=MAX_LONG_PERIOD).contains(&(*period as usize))
            && (*chosen_bases == 0 || chosen_bases == period)
            && letters.iter().all(u8::is_ascii_alphabetic)
            && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let arrays = || part.arrays.iter().map(|array| (array.contig, &array.range));
    let copies = || part.resolved.iter().map(|copy| (copy.contig, &copy.range));
    part.tandem.iter().all(tandem)
        && part.resolved.iter().chain(&part.unresolved).all(alignment)
        && arrays().all(|(contig, range)| lies_in_contig(contig, range))
        && are_apart(arrays())
        && are_apart(copies())
}

/// Whether ranges come by position and none overlaps the next.
fn are_apart<'a>(ranges: impl Iterator<Item = (u32, &'a Range<u64>)> + Clone) -> bool {
    let next = ranges.clone().skip(1);
    ranges.zip(next).all(|((contig, range), (next, after))| (contig, range.end) <= (next, after.start))
}

/// Writes a part.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn write_part(header: &PartHeader, part: &AnnotationPart, output: &mut impl Write) -> Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut write = |bytes: &[u8]| {
        hasher.update(bytes);
        output.write_all(bytes).map_err(Error::Output)
    };
    write(header.line()?.as_bytes())?;
    let tandem = part.tandem.chunks(ITEMS).map(|items| Frame::Tandem(items.to_vec()));
    let arrays = part.arrays.chunks(ITEMS).map(|items| Frame::Arrays(items.to_vec()));
    let resolved = part.resolved.chunks(ITEMS).map(|items| Frame::Resolved(items.to_vec()));
    let unresolved = part.unresolved.chunks(ITEMS).map(|items| Frame::Unresolved(items.to_vec()));
    for frame in tandem.chain(arrays).chain(resolved).chain(unresolved) {
        let bytes = postcard::to_stdvec(&frame).map_err(|e| Error::Output(std::io::Error::other(e)))?;
        let block = lz4_flex::block::compress(&bytes);
        for length in [block.len(), bytes.len()] {
            let length = u32::try_from(length).map_err(|e| Error::Output(std::io::Error::other(e)))?;
            write(&length.to_le_bytes())?;
        }
        write(&block)?;
    }
    let digest = hasher.finalize();
    output.write_all(digest.as_bytes()).map_err(Error::Output)
}

/// A part in a file whose digest was checked.
pub(crate) struct PartFile {
    path: PathBuf,
    pub(crate) header: PartHeader,
    /// Where the frames begin and end.
    frames: Range<u64>,
}

impl PartFile {
    /// Opens a part and checks its digest.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is no part, of another version, or damaged; [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |e| Error::io("read", path, e);
        let wrong = |problem: &str| Error::input(path, None, problem);
        let mut file = open_regular(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut line = Vec::new();
        BufReader::new((&file).take(MAX_HEADER)).read_until(b'\n', &mut line).map_err(failed)?;
        if !is_header(&line) || line.last() != Some(&b'\n') {
            return Err(wrong("is no part of an annotation"));
        }
        let version: VersionOfPart = serde_json::from_slice(&line).map_err(|_| wrong(DAMAGED))?;
        if version.format_version != FORMAT_VERSION || version.written_by != WRITTEN_BY {
            let by = version.written_by;
            return Err(wrong(&format!("was written by {by}, this is {WRITTEN_BY}; use one version for all parts")));
        }
        let frames = line.len() as u64..bytes.saturating_sub(DIGEST);
        let mut hasher = blake3::Hasher::new();
        file.rewind().map_err(failed)?;
        hasher.update_reader((&file).take(frames.end)).map_err(failed)?;
        let mut digest = Vec::new();
        (&file).take(DIGEST).read_to_end(&mut digest).map_err(failed)?;
        if frames.start > frames.end || digest != hasher.finalize().as_bytes() {
            return Err(wrong(DAMAGED));
        }
        let header: PartHeader = serde_json::from_slice(&line).map_err(|_| wrong(DAMAGED))?;
        if header.shard == 0 || header.shard > header.of || header.of > MAX_SHARDS {
            return Err(wrong(DAMAGED));
        }
        Ok(Self { path: path.to_owned(), header, frames })
    }

    /// Whether this is the whole part of these headers' annotation and number, wherever index and libraries lie.
    pub(crate) fn is_same(&self, header: &PartHeader) -> bool {
        self.header.shard == header.shard && header.difference(&self.header).is_none()
    }

    /// Whether a file begins as a part, damaged or not.
    pub(crate) fn is_part(path: &Path) -> bool {
        let mut start = Vec::new();
        let read = open_regular(path).and_then(|file| file.take(MAX_HEADER).read_to_end(&mut start));
        read.is_ok() && is_header(&start)
    }

    /// Refuses a part that is not of the annotation of another header.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub(crate) fn check_is_of(&self, expected: &PartHeader) -> Result<()> {
        match expected.difference(&self.header) {
            Some(what) => {
                let problem = format!("is a part of another annotation: {what} differs; make this part again");
                Err(Error::input(&self.path, None, problem))
            }
            None => Ok(()),
        }
    }

    /// Reads the results; queries are checked against the library, and places against the contigs.
    ///
    /// # Errors
    /// [`Error::Input`] for results that are impossible; [`Error::Memory`]; [`Error::Io`].
    pub(crate) fn read(&self, library: &Library, contigs: &[Contig], budget: &Budget) -> Result<AnnotationPart> {
        let mut reservation = budget.empty_reservation(Component::Alignments);
        let mut part = AnnotationPart::new(budget);
        let failed = |e| Error::io("read", &self.path, e);
        let mut file = BufReader::new(open_regular(&self.path).map_err(failed)?);
        file.seek(SeekFrom::Start(self.frames.start)).map_err(failed)?;
        let mut left = self.frames.end - self.frames.start;
        while left > 0 {
            let frame = self.frame(&mut file, &mut left, &mut reservation)?;
            // A list that grows doubles.
            reservation.grow(2 * frame.bytes(), PURPOSE)?;
            match frame {
                Frame::Tandem(items) => part.tandem.extend(items),
                Frame::Arrays(items) => part.arrays.extend(items),
                Frame::Resolved(items) => part.resolved.extend(items),
                Frame::Unresolved(items) => part.unresolved.extend(items),
            }
        }
        if !is_sound(&part, library, contigs) {
            return Err(self.damaged());
        }
        reservation.resize(part.bytes());
        part.reservation = reservation;
        Ok(part)
    }

    fn frame(&self, file: &mut impl Read, left: &mut u64, reservation: &mut Reservation) -> Result<Frame> {
        let failed = |e| Error::io("read", &self.path, e);
        let mut lengths = [0; 8];
        file.read_exact(&mut lengths).map_err(failed)?;
        let (bytes, whole) = (u64::from_le_bytes(lengths) & u64::from(u32::MAX), u64::from_le_bytes(lengths) >> 32);
        let rest = left.checked_sub(lengths.len() as u64).and_then(|left| left.checked_sub(bytes));
        let is_possible = whole <= bytes.saturating_mul(MAX_EXPANSION);
        *left = rest.filter(|_| is_possible).ok_or_else(|| self.damaged())?;
        let before = reservation.bytes();
        reservation.grow(bytes + whole * DECODED_BYTES, PURPOSE)?;
        let mut block = vec![0; bytes as usize];
        file.read_exact(&mut block).map_err(failed)?;
        let text = lz4_flex::block::decompress(&block, whole as usize).map_err(|_| self.damaged())?;
        let frame: Frame = postcard::from_bytes(&text).map_err(|_| self.damaged())?;
        reservation.resize(before);
        if frame.items() > ITEMS { Err(self.damaged()) } else { Ok(frame) }
    }

    fn damaged(&self) -> Error {
        Error::input(&self.path, None, DAMAGED)
    }
}

/// The problem of a part whose bytes are wrong.
const DAMAGED: &str = "is damaged; make this part again";

/// Whether a file begins as that of a part.
fn is_header(start: &[u8]) -> bool {
    start.starts_with(format!("{{\"kind\":\"{KIND}\"").as_bytes())
}

/// What is read of a header before anything else is relied on.
#[derive(Deserialize)]
struct VersionOfPart {
    format_version: u32,
    written_by: String,
}

/// Opens all parts of one annotation; returns them in the order of the genome.
///
/// # Errors
/// [`Error::Input`], which names the part, if a part is missing, doubled, damaged or of another annotation;
/// [`Error::Io`].
pub(crate) fn open_parts(paths: &[PathBuf]) -> Result<Vec<PartFile>> {
    let mut parts = paths.iter().map(|path| PartFile::open(path)).collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|part| part.header.shard);
    let Some(first) = parts.first() else { return Err(Error::Usage("there is no part to join".to_owned())) };
    for pair in parts.windows(2) {
        let [part, next] = pair else { continue };
        let (shard, of) = (next.header.shard, next.header.of);
        if let Some(what) = part.header.difference(&next.header) {
            let problem = format!("is of another annotation than {}: {what} differs", part.path.display());
            return Err(Error::input(&next.path, None, problem));
        }
        if part.header.shard == shard {
            let problem = format!("is part {shard} of {of}, and so is {}; give each once", part.path.display());
            return Err(Error::input(&next.path, None, problem));
        }
    }
    let mut numbers = parts.iter().map(|part| part.header.shard).peekable();
    let missing: Vec<u32> = (1..=first.header.of).filter(|&number| numbers.next_if_eq(&number).is_none()).collect();
    if !missing.is_empty() {
        let named: Vec<String> = missing.iter().take(MAX_NAMED).map(u32::to_string).collect();
        let more = if missing.len() > MAX_NAMED { ", ..." } else { "" };
        let (of, named) = (first.header.of, named.join(", "));
        let problem = format!("is one of {of} parts, of which {named}{more} are missing; give all");
        return Err(Error::input(&first.path, None, problem));
    }
    Ok(parts)
}
