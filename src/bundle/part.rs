//! The manifest of a part of an index: some of its dictionary pages and position blocks, from which
//! [`merge_index`](crate::builder::merge_index) makes the index. Part 1 has the genome too.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bundle::kind::{BundleKind, ManifestHead, Shard};
use crate::bundle::manifest::{GenomeSummary, MemoryHints, Parameters, Totals, WRITTEN_BY};
use crate::bundle::sealed::Sealed;
use crate::dictionary::Shape;
use crate::format::{CONTIGS, Identity, MANIFEST, PART_FORMAT_VERSION, POSITIONS, SEQUENCE, SPECTRUM, SPOOL};
use crate::fs::FileDigest;
use crate::units::utc;
use crate::{Error, Result};

/// Bits of a number of a manifest that may be added to others: no disk and no genome has as many bytes or k-mers.
const MAX_BITS: u32 = 56;

/// The manifest of a part of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartManifest {
    /// Always `reprise index part`.
    pub kind: String,
    /// Format of the part.
    pub format_version: u32,
    /// Program and version that wrote it.
    pub written_by: String,
    /// When, in UTC; `SOURCE_DATE_EPOCH` if that is set.
    pub created: String,
    /// Which part it is.
    pub shard: Shard,
    /// The dictionary pages of the index that it has, half-open.
    pub pages: Range<u64>,
    /// The parameters of the index.
    pub parameters: Parameters,
    /// The genome.
    pub genome: GenomeSummary,
    /// Shape of the dictionary of the index.
    pub dictionary: Shape,
    /// The seed of the checksums of the index.
    pub identity: Identity,
    /// The contents of the index that were expected before the build.
    pub estimate: MemoryHints,
    /// The contents of this part.
    pub actual: Totals,
    /// The other files of the part.
    pub files: BTreeMap<String, FileDigest>,
    /// BLAKE3, in hexadecimal, of this file with an empty string here.
    pub blake3: String,
}

/// Why the manifest of a part cannot be used.
#[derive(Debug)]
pub(crate) enum PartProblem {
    /// There is no such folder, or the system cannot read it.
    Unreadable(Error),
    /// It is something else: a sentence.
    NotAPart(&'static str),
    /// Its format is newer than this program.
    Newer(u32),
    /// Its manifest is damaged: a sentence.
    Damaged(String),
}

/// What a part is of.
pub(crate) struct PartOf<'a> {
    pub(crate) shard: Shard,
    pub(crate) pages: Range<u64>,
    pub(crate) parameters: &'a Parameters,
    pub(crate) genome: &'a GenomeSummary,
    pub(crate) dictionary: (Shape, Identity),
    pub(crate) estimate: MemoryHints,
}

impl Sealed for PartManifest {
    fn seal_mut(&mut self) -> &mut String {
        &mut self.blake3
    }

    fn sources(&self) -> usize {
        self.genome.sources.len()
    }
}

impl PartManifest {
    /// A manifest of the current format, without its digest.
    pub(crate) fn new(of: PartOf<'_>, actual: Totals, files: BTreeMap<String, FileDigest>, created: u64) -> Self {
        let PartOf { shard, pages, parameters, genome, dictionary: (dictionary, identity), estimate } = of;
        Self {
            kind: BundleKind::Part.name().to_owned(),
            format_version: PART_FORMAT_VERSION,
            written_by: WRITTEN_BY.to_owned(),
            created: utc(created),
            shard,
            pages,
            parameters: parameters.clone(),
            genome: genome.clone(),
            dictionary,
            identity,
            estimate,
            actual,
            files,
            blake3: String::new(),
        }
    }

    /// Reads and checks the manifest of a part.
    pub(crate) fn read(part: &Path) -> Result<Self, PartProblem> {
        let path = part.join(MANIFEST);
        let bytes = crate::fs::read_text(&path).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidData => PartProblem::Damaged(e.to_string()),
            io::ErrorKind::NotFound if part.is_dir() => PartProblem::NotAPart("it has no manifest.json"),
            io::ErrorKind::NotADirectory => PartProblem::NotAPart("it is a file, not a folder"),
            io::ErrorKind::NotFound => PartProblem::Unreadable(Error::io("open", part, e)),
            _ => PartProblem::Unreadable(Error::io("read", &path, e)),
        })?;
        let unreadable = |e: serde_json::Error| PartProblem::Damaged(format!("it cannot be read ({e})"));
        // The version comes first: a newer manifest may have fields that this program does not know.
        let head: ManifestHead = serde_json::from_slice(&bytes).map_err(unreadable)?;
        match BundleKind::of(&bytes) {
            Some(BundleKind::Part) => {}
            Some(BundleKind::Index) => return Err(PartProblem::NotAPart("it is a whole index")),
            None => return Err(PartProblem::NotAPart("its manifest.json is of something else")),
        }
        if head.format_version > PART_FORMAT_VERSION {
            return Err(PartProblem::Newer(head.format_version));
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if !manifest.is_sealed_as(&bytes).map_err(PartProblem::Unreadable)? {
            return Err(PartProblem::Damaged("it does not match its own digest".to_owned()));
        }
        match manifest.contradiction() {
            Some(problem) => Err(PartProblem::Damaged(problem.to_owned())),
            None => Ok(manifest),
        }
    }

    /// A contradiction in the manifest, if there is one. Numbers that are found sound here may be added, and are no
    /// larger than the files allow.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let Self { parameters, genome, actual, files, pages, .. } = self;
        let mut names = vec![SPOOL, POSITIONS, SPECTRUM];
        if self.shard.has_genome() {
            names.extend([CONTIGS, SEQUENCE]);
        }
        names.sort_unstable();
        let bytes = |name| files.get(name).map_or(0, |file| file.bytes);
        let wrong = [
            (self.format_version == 0, "format version 0 never was"),
            (self.shard.check().is_err(), "its number is not one of its parts"),
            (
                self.dictionary.check().is_err() || self.dictionary.k() != parameters.k,
                "the shape of its dictionary contradicts itself",
            ),
            (pages.start > pages.end || pages.end > self.dictionary.pages(), "its pages are not in the dictionary"),
            (!files.keys().map(String::as_str).eq(names), "it does not name the files of a part"),
            (files.values().any(|file| file.bytes >> MAX_BITS > 0), "it names a file that is too long for any disk"),
            (
                genome.contigs == 0 || genome.bases >> MAX_BITS > 0 || genome.acgt > genome.bases,
                "its genome contradicts itself",
            ),
            (
                actual.kmers > genome.acgt
                    || actual.distinct_kmers > actual.kmers
                    || actual.stored_kmers.max(actual.repeated_kmers) > actual.distinct_kmers
                    || actual.seeds.max(actual.sampled_kmers) > actual.stored_kmers
                    || actual.positions > actual.kmers,
                "its totals contradict each other",
            ),
            (
                pages.end.saturating_sub(pages.start) > actual.dictionary_bytes
                    || actual.dictionary_bytes > bytes(SPOOL)
                    || actual.position_bytes > bytes(POSITIONS),
                "its totals do not fit its files",
            ),
        ];
        wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, problem)| problem)
    }

    /// Bytes of the part, this file left out.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}
