//! The file of the annotation of a range: a line of JSON that says what it is a part of, and the results as frames
//! ([`crate::format::frames`]).

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::align::{Alignment, ContigRange, Library, MAX_LONG_PERIOD, TandemSequence, are_apart};
use crate::annotate::part::AnnotationPart;
use crate::bundle::{MAX_SHARDS, Manifest, WRITTEN_BY};
use crate::format::Identity;
use crate::format::frames::{FrameFile, FrameKind, FrameWriter};
use crate::fs::FileDigest;
use crate::genome::Contig;
use crate::memory::{Budget, Component};
use crate::{Error, Result};

/// The format of the parts of an annotation that this program writes, and the only one that it reads.
pub(crate) const PART_FORMAT_VERSION: u32 = 1;
/// Parts of annotations.
const PART: FrameKind = FrameKind {
    name: "reprise annotation part",
    format_version: PART_FORMAT_VERSION,
    written_by: WRITTEN_BY,
    noun: "part of an annotation",
    // A tandem repeat without letters takes four bytes of a frame.
    decoded_bytes: 16,
};
/// Items of a frame.
const ITEMS: usize = 1 << 12;
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
            kind: PART.name.to_owned(),
            format_version: PART.format_version,
            written_by: PART.written_by.to_owned(),
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
        PART.line(self)
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
    let sequence = |query: usize| match query.checked_sub(library.len()) {
        None => Some(library.sequence(query).len()),
        Some(number) => part.tandem.get(number).map(|sequence| sequence.letters.len()),
    };
    let alignment = |alignment: &Alignment| {
        sequence(alignment.query as usize).is_some_and(|length| alignment.is_possible(length, contigs))
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
        && arrays().all(|(contig, range)| Contig::has_range(contigs, contig, range))
        && are_apart(arrays())
        && are_apart(copies())
}

/// Writes a part.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn write_part(header: &PartHeader, part: &AnnotationPart, output: &mut impl Write) -> Result<()> {
    let mut writer = FrameWriter::new(&header.line()?, output)?;
    let tandem = part.tandem.chunks(ITEMS).map(|items| Frame::Tandem(items.to_vec()));
    let arrays = part.arrays.chunks(ITEMS).map(|items| Frame::Arrays(items.to_vec()));
    let resolved = part.resolved.chunks(ITEMS).map(|items| Frame::Resolved(items.to_vec()));
    let unresolved = part.unresolved.chunks(ITEMS).map(|items| Frame::Unresolved(items.to_vec()));
    for frame in tandem.chain(arrays).chain(resolved).chain(unresolved) {
        writer.frame(&frame)?;
    }
    writer.finish()
}

/// A part in a file whose digest was checked.
pub(crate) struct PartFile {
    pub(crate) header: PartHeader,
    file: FrameFile,
}

impl PartFile {
    /// Opens a part and checks its digest.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is no part, of another version, or damaged; [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (file, header): (FrameFile, PartHeader) = FrameFile::open(path, &PART)?;
        if header.shard == 0 || header.shard > header.of || header.of > MAX_SHARDS {
            return Err(file.damaged());
        }
        Ok(Self { header, file })
    }

    /// Whether this is the whole part of these headers' annotation and number, wherever index and libraries lie.
    pub(crate) fn is_same(&self, header: &PartHeader) -> bool {
        self.header.shard == header.shard && header.difference(&self.header).is_none()
    }

    /// Whether a file begins as a part, damaged or not.
    pub(crate) fn is_part(path: &Path) -> bool {
        PART.is_of(path)
    }

    /// Refuses a part that is not of the annotation of another header.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub(crate) fn check_is_of(&self, expected: &PartHeader) -> Result<()> {
        match expected.difference(&self.header) {
            Some(what) => {
                let problem = format!("is a part of another annotation: {what} differs; make this part again");
                Err(Error::input(&self.file.path, None, problem))
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
        let mut frames = self.file.read()?;
        while let Some(frame) = frames.next::<Frame>(&mut reservation, PURPOSE)? {
            if frame.items() > ITEMS {
                return Err(self.file.damaged());
            }
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
            return Err(self.file.damaged());
        }
        reservation.resize(part.bytes());
        part.reservation = reservation;
        Ok(part)
    }
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
            let problem = format!("is of another annotation than {}: {what} differs", part.file.path.display());
            return Err(Error::input(&next.file.path, None, problem));
        }
        if part.header.shard == shard {
            let problem = format!("is part {shard} of {of}, and so is {}; give each once", part.file.path.display());
            return Err(Error::input(&next.file.path, None, problem));
        }
    }
    let mut numbers = parts.iter().map(|part| part.header.shard).peekable();
    let missing: Vec<u32> = (1..=first.header.of).filter(|&number| numbers.next_if_eq(&number).is_none()).collect();
    if !missing.is_empty() {
        let named: Vec<String> = missing.iter().take(MAX_NAMED).map(u32::to_string).collect();
        let more = if missing.len() > MAX_NAMED { ", ..." } else { "" };
        let (of, named) = (first.header.of, named.join(", "));
        let problem = format!("is one of {of} parts, of which {named}{more} are missing; give all");
        return Err(Error::input(&first.file.path, None, problem));
    }
    Ok(parts)
}
