//! `manifest.json` describes a bundle to people and programs. It is written last, so a bundle that has one is complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bundle::kind::{BundleKind, ManifestHead, Shard};
use crate::bundle::sealed::Sealed;
use crate::dictionary::filters::Filters;
use crate::dictionary::{LayoutKind, Shape};
use crate::format::{CATALOG, FORMAT_VERSION, Identity, MANIFEST, POSITIONS, SEQUENCE};
use crate::fs::FileDigest;
use crate::genome::Contig;
use crate::memory::Budget;
use crate::storage::Storage;
use crate::units::utc;
use crate::{Error, Result};

/// Program and version, as manifests, checkpoints and reports state them: the checkpoint and the results of another
/// version are not continued.
pub(crate) const WRITTEN_BY: &str = concat!("reprise ", env!("CARGO_PKG_VERSION"));

/// The parameters of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Bases in a k-mer.
    pub k: u32,
    /// K-mers that occur less often are not stored.
    pub min_frequency: u64,
    /// K-mers that occur more often are not stored.
    pub max_frequency: Option<u64>,
    /// Of a k-mer with more positions, this many are stored, evenly sampled.
    pub max_positions: Option<u64>,
}

impl Parameters {
    /// The frequency filters among them.
    pub(crate) fn filters(&self) -> Filters {
        let Self { k: _, min_frequency, max_frequency, max_positions } = *self;
        Filters { min_frequency, max_frequency, max_positions }
    }

    /// Identity of an index with these parameters, of the genome whose bases have this digest; `schema/format.md` lists
    /// the fields.
    pub(crate) fn identity(&self, dictionary: &Shape, bases: &str, contigs: &[Contig]) -> Identity {
        let limits = [self.max_frequency, self.max_positions].map(|limit| limit.unwrap_or(0));
        let numbers = [self.k.into(), self.min_frequency, limits[0], limits[1]];
        let numbers =
            numbers.into_iter().chain(dictionary.identity_numbers()).map(u64::to_le_bytes).collect::<Vec<_>>();
        let texts = contigs.iter().flat_map(|contig| [contig.name.as_bytes(), contig.description.as_bytes()]);
        Identity::of(numbers.iter().map(|number| &number[..]).chain([bases.as_bytes()]).chain(texts))
    }
}

/// A file that was indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name as given, without folders; `-` for standard input.
    pub name: String,
    /// Bytes that were read of it, compressed as it was.
    pub bytes: u64,
}

/// The genome of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenomeSummary {
    /// The files, in their order.
    pub sources: Vec<SourceFile>,
    /// Contigs.
    pub contigs: u64,
    /// Bases of all contigs.
    pub bases: u64,
    /// Bases that are A, C, G or T.
    pub acgt: u64,
    /// Bases that are neither A, C, G, T nor N, such as R or `-`: `sequence.2bit` keeps them as N.
    pub other_letters: u64,
    /// Bases in lower case.
    pub masked: u64,
    /// Runs of anything but ACGT.
    pub n_runs: u64,
    /// Bases of the longest contig.
    pub longest_contig: u64,
    /// BLAKE3 over the upper-case letters of each contig, U as T, and a line end after each, in hexadecimal.
    pub blake3: String,
    /// Whether contig names have the name of their file before them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefixed_names: bool,
}

impl GenomeSummary {
    /// The names of the files, with commas between them.
    pub fn source_names(&self) -> String {
        self.sources.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The expected contents of an index, from the genome's length, k, a sample of its k-mers, the frequency filters, and
/// what the caller of the build expects ([`BuildOptions::hints`](crate::builder::BuildOptions::hints)).
///
/// The sample takes every occurrence of the k-mers whose hash lies in the lowest 2^-f of all hashes, so that
/// frequencies in it are exact and distinct k-mers scale by 2^f; for super-k-mers it takes minimizers by their keys.
/// For small genomes f is 0 and the counts are exact. `docs/memory.md` compares estimates with counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryHints {
    /// K-mers of the genome, every occurrence: exact.
    pub kmers: u64,
    /// Distinct canonical k-mers.
    pub distinct_kmers: u64,
    /// Distinct canonical k-mers that occur twice or more.
    pub repeated_kmers: u64,
    /// K-mers that pass the filters.
    pub stored_kmers: u64,
    /// Positions that are kept.
    pub positions: u64,
    /// Bytes of the dictionary.
    pub dictionary_bytes: u64,
    /// Bytes of the position blocks.
    pub position_bytes: u64,
}

/// The counted contents of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// K-mers of the genome, every occurrence.
    pub kmers: u64,
    /// Distinct canonical k-mers of the genome.
    pub distinct_kmers: u64,
    /// Those that occur twice or more.
    pub repeated_kmers: u64,
    /// Those that passed the filters and are stored.
    pub stored_kmers: u64,
    /// Positions stored.
    pub positions: u64,
    /// Stored k-mers with only a sample of their positions stored.
    pub sampled_kmers: u64,
    /// Bytes of the dictionary pages.
    pub dictionary_bytes: u64,
    /// Bytes of the position blocks.
    pub position_bytes: u64,
    /// Seeds in the seed order: stored k-mers that occur twice or more.
    pub seeds: u64,
}

/// The manifest of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `reprise index`.
    pub kind: String,
    /// Format of the bundle.
    pub format_version: u32,
    /// Program and version that wrote it.
    pub written_by: String,
    /// When, in UTC; `SOURCE_DATE_EPOCH` if that is set.
    pub created: String,
    /// How the dictionary keeps its k-mers.
    pub layout: LayoutKind,
    /// Its parameters.
    pub parameters: Parameters,
    /// The genome.
    pub genome: GenomeSummary,
    /// Shape of the dictionary.
    pub dictionary: Shape,
    /// The seed of the checksums of this index.
    pub identity: Identity,
    /// The contents expected before the build.
    pub estimate: MemoryHints,
    /// The contents.
    pub actual: Totals,
    /// The other files of the bundle.
    pub files: BTreeMap<String, FileDigest>,
    /// BLAKE3, in hexadecimal, of this file with an empty string here.
    pub blake3: String,
}

/// The highest `min_frequency`: no genome has as many k-mers, and it can be added to frequencies.
pub(crate) const MAX_MIN_FREQUENCY: u64 = 1 << 56;

impl Sealed for Manifest {
    fn seal_mut(&mut self) -> &mut String {
        &mut self.blake3
    }

    fn sources(&self) -> usize {
        self.genome.sources.len()
    }
}

impl Manifest {
    /// A manifest of the current format, without files and digest.
    pub(crate) fn new(
        parameters: Parameters,
        genome: GenomeSummary,
        (dictionary, identity): (Shape, Identity),
        estimate: MemoryHints,
        actual: Totals,
        created: u64,
    ) -> Self {
        Self {
            kind: BundleKind::Index.name().to_owned(),
            format_version: FORMAT_VERSION,
            written_by: WRITTEN_BY.to_owned(),
            created: utc(created),
            layout: dictionary.kind(),
            parameters,
            genome,
            dictionary,
            identity,
            estimate,
            actual,
            files: BTreeMap::new(),
            blake3: String::new(),
        }
    }

    /// Reads and checks the manifest of a bundle.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if there is none, [`Error::Version`] for a newer format, [`Error::Damaged`] if it does
    /// not match its own digest.
    pub fn read(bundle: &Path) -> Result<Self> {
        Self::read_in(&Storage::at(bundle)?)
    }

    /// As [`read`](Self::read), wherever the bundle lies.
    pub(crate) fn read_in(storage: &Storage) -> Result<Self> {
        let (bundle, bytes) = match storage {
            Storage::Folder(folder) => (folder.as_path(), read_local(folder)?),
            Storage::Remote(folder) => {
                let bytes = folder.read_text(MANIFEST)?.ok_or_else(|| Error::Unfinished {
                    path: folder.path().to_owned(),
                    problem: "there is no manifest.json".to_owned(),
                })?;
                (folder.path(), bytes)
            }
        };
        Self::parse(bundle, &bytes)
    }

    /// The manifest of a bundle with this text.
    fn parse(bundle: &Path, bytes: &[u8]) -> Result<Self> {
        let path = bundle.join(MANIFEST);
        let unreadable = |e: serde_json::Error| Error::damaged(&path, None, format!("it cannot be read ({e})"));
        // The version comes first: a newer manifest may have fields that this program does not know.
        let version: ManifestHead = serde_json::from_slice(bytes).map_err(unreadable)?;
        if version.kind != BundleKind::Index.name() {
            let path = bundle.to_owned();
            let is_part = version.kind == BundleKind::Part.name();
            return Err(match Shard::of(bytes).filter(|_| is_part) {
                Some(Shard { number, count }) => Error::PartOfIndex { path, number, count },
                None => Error::Unfinished { path, problem: "its manifest.json is of something else".to_owned() },
            });
        }
        if version.format_version > FORMAT_VERSION {
            return Err(Error::Version { path, found: version.format_version, supported: FORMAT_VERSION });
        }
        if version.format_version == 0 {
            return Err(Error::damaged(&path, None, "format version 0 never was"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        if !manifest.is_sealed_as(bytes)? {
            return Err(Error::damaged(&path, None, "it does not match its own digest"));
        }
        match manifest.contradiction() {
            Some(problem) => Err(Error::damaged(&path, None, problem)),
            None => Ok(manifest),
        }
    }

    /// A contradiction in the manifest, if there is one. Numbers that are found sound here may be added and multiplied
    /// by small ones, and are no larger than the files allow.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let Self { parameters, genome, actual, files, .. } = self;
        let bytes = |name| files.get(name).map_or(0, |file| file.bytes);
        let wrong = [
            (self.layout != self.dictionary.kind(), "its layout and the shape of its dictionary disagree"),
            (
                self.dictionary.check().is_err() || self.dictionary.k() != parameters.k,
                "the shape of its dictionary contradicts itself",
            ),
            (
                !files.keys().map(String::as_str).eq([CATALOG, POSITIONS, SEQUENCE]),
                "it does not name the files of an index",
            ),
            (files.values().any(|file| file.bytes >> 56 > 0), "it names a file that is too long for any disk"),
            (
                genome.contigs == 0
                    || genome.contigs > bytes(CATALOG)
                    || genome.bases.div_ceil(4) > bytes(SEQUENCE)
                    || genome.acgt.max(genome.masked).max(genome.longest_contig) > genome.bases,
                "its genome does not fit its files",
            ),
            (
                actual.kmers > genome.acgt
                    || actual.distinct_kmers > actual.kmers
                    || actual.stored_kmers.max(actual.repeated_kmers) > actual.distinct_kmers
                    || actual.seeds.max(actual.sampled_kmers) > actual.stored_kmers
                    || actual.positions > actual.kmers
                    || !(1..=MAX_MIN_FREQUENCY).contains(&parameters.min_frequency),
                "its totals contradict each other",
            ),
            (
                self.dictionary.pages() > actual.dictionary_bytes
                    || actual.dictionary_bytes > bytes(CATALOG)
                    || actual.position_bytes > bytes(POSITIONS),
                "its totals do not fit its files",
            ),
        ];
        wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, problem)| problem)
    }

    /// Checks that the other files of a bundle are there and have their lengths.
    ///
    /// # Errors
    /// [`Error::Damaged`] if one is missing or has another length; [`Error::Io`].
    pub(crate) fn check_lengths(&self, bundle: &Path) -> Result<()> {
        check_lengths(&self.files, bundle)
    }

    /// As [`check_lengths`](Self::check_lengths), wherever the bundle lies; opens the files of one that lies elsewhere.
    pub(crate) fn check_files(&self, storage: &Storage, budget: &Budget) -> Result<()> {
        match storage {
            Storage::Folder(folder) => self.check_lengths(folder),
            Storage::Remote(folder) => folder.open_files(&self.files, budget),
        }
    }

    /// Bytes of the bundle, this file left out.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|f| f.bytes).sum()
    }
}

/// Checks that the files of a bundle are there and have their lengths.
///
/// # Errors
/// [`Error::Damaged`] if one is missing or has another length; [`Error::Io`].
pub(super) fn check_lengths(files: &BTreeMap<String, FileDigest>, bundle: &Path) -> Result<()> {
    for (name, digest) in files {
        let path = bundle.join(name);
        let length = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(Error::damaged(&path, None, "it is not a regular file")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::damaged(&path, None, "the file is missing"));
            }
            Err(e) => return Err(Error::io("look at", &path, e)),
        };
        if length != digest.bytes {
            let problem = format!("it has {length} bytes and should have {}", digest.bytes);
            return Err(Error::damaged(&path, Some(length.min(digest.bytes)), problem));
        }
    }
    Ok(())
}

/// The text of the manifest in a folder.
fn read_local(bundle: &Path) -> Result<Vec<u8>> {
    let path = bundle.join(MANIFEST);
    crate::fs::read_text(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => Error::damaged(&path, None, e.to_string()),
        std::io::ErrorKind::NotFound if bundle.is_dir() => {
            Error::Unfinished { path: bundle.to_owned(), problem: "it has no manifest.json".to_owned() }
        }
        std::io::ErrorKind::NotADirectory => {
            Error::Unfinished { path: bundle.to_owned(), problem: "it is a file, not a folder".to_owned() }
        }
        std::io::ErrorKind::NotFound => Error::io("open", bundle, e),
        _ => Error::io("read", &path, e),
    })
}
