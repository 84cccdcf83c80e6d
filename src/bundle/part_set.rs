//! The parts that are to be merged to an index. All of them are checked before anything is written: each is there once,
//! and all are whole and of one index.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::bundle::kind::Shard;
use crate::bundle::manifest::{WRITTEN_BY, check_lengths};
use crate::bundle::part::{PartManifest, PartProblem};
use crate::format::{MANIFEST, PART_FORMAT_VERSION};
use crate::fs::{File, FileDigest, digest_file};
use crate::{Error, Progress, Result};

/// Maximum numbers of missing parts that an error lists, so that it stays one line.
const MAX_LISTED: usize = 10;

/// Bytes that are read at once: a few milliseconds of a network disk.
const COPY_BUFFER: usize = 1 << 20;

/// A part of an index.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) manifest: PartManifest,
}

/// All parts of one index, by number.
#[derive(Debug)]
pub(crate) struct PartSet(Vec<Part>);

impl Part {
    /// Reads the manifest of a part.
    fn read(path: &Path) -> Result<Self> {
        let refused = |path: &Path, problem: &str| Error::input(path, None, problem);
        match PartManifest::read(path) {
            Ok(manifest) => Ok(Self { path: path.to_owned(), manifest }),
            Err(PartProblem::Unreadable(e)) => Err(e),
            Err(PartProblem::NotAPart(problem)) => Err(refused(
                path,
                &format!("it is not a part of an index: {problem}; name the parts of one index only"),
            )),
            Err(PartProblem::Newer(found)) => Err(refused(
                path,
                &format!(
                    "it has part format {found}, and this program reads formats 1 to {PART_FORMAT_VERSION}; merge it \
                     with the reprise that wrote it"
                ),
            )),
            Err(PartProblem::Damaged(problem)) => Err(refused(
                &path.join(MANIFEST),
                &format!("it is damaged: {problem}; copy or build this part of the index again"),
            )),
        }
    }

    /// An error about a damaged file of this part.
    pub(crate) fn damaged(&self, name: &str, problem: &str) -> Error {
        self.damaged_file(&self.file(name), problem)
    }

    fn damaged_file(&self, path: &Path, problem: &str) -> Error {
        let Shard { number, count } = self.manifest.shard;
        let remedy = format!("copy or build part {number} of {count} of the index again");
        Error::input(path, None, format!("it is damaged: {problem}; {remedy}"))
    }

    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Calls `each` for the bytes of one of its files, in order, in pieces. If the file was changed since it was
    /// checked, the last call is followed by an error.
    ///
    /// # Errors
    /// [`Error::Input`], [`Error::Io`], and those of `each`.
    pub(crate) fn read_file(&self, name: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<FileDigest> {
        let path = self.file(name);
        let failed = |e| Error::io("read", &path, e);
        let mut file = std::fs::File::open(&path).map_err(failed)?;
        let mut buffer = vec![0; COPY_BUFFER];
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    bytes += read as u64;
                    each(&buffer[..read])?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(e)),
            }
        }
        let digest = FileDigest { bytes, blake3: hasher.finalize().to_hex().to_string() };
        if self.manifest.files.get(name) != Some(&digest) {
            return Err(self.damaged(name, "it was changed while it was read"));
        }
        Ok(digest)
    }

    /// Copies one of its files to a new file, durably.
    ///
    /// # Errors
    /// As [`read_file`](Self::read_file).
    pub(crate) fn copy_file(&self, name: &str, to: &Path, progress: &dyn Progress) -> Result<FileDigest> {
        let mut output = File::create_new(to).map_err(|e| Error::io("create", to, e))?;
        let digest = self.read_file(name, |bytes| {
            progress.advance(bytes.len() as u64);
            output.write_all(bytes).map_err(|e| Error::io("write", to, e))
        })?;
        output.sync_all().map_err(|e| Error::io("sync", to, e))?;
        Ok(digest)
    }

    /// Compares lengths and digests of its files with the manifest.
    fn check_files(&self, progress: &dyn Progress) -> Result<()> {
        check_lengths(&self.manifest.files, &self.path).map_err(|e| match e {
            Error::Damaged { path, problem, .. } => self.damaged_file(&path, &problem),
            other => other,
        })?;
        for (name, digest) in &self.manifest.files {
            // An empty file cannot be mapped.
            if digest.bytes > 0 && digest_file(&self.file(name))? != *digest {
                return Err(self.damaged(name, "it has other bytes than were written"));
            }
            progress.advance(digest.bytes);
        }
        Ok(())
    }

    /// How this part contradicts that it is of the same index as another one.
    fn difference(&self, other: &Self) -> Option<String> {
        let (own, others) = (&self.manifest, &other.manifest);
        let (genome, other_genome) = (&own.genome, &others.genome);
        let (parameters, other_parameters) = (&own.parameters, &others.parameters);
        [
            differ("it was written by", &own.written_by, &others.written_by),
            (genome.blake3 != other_genome.blake3).then(|| {
                let [here, there] = [genome, other_genome].map(|genome| genome.source_names());
                format!("it is of another genome ({here}), and that one of {there}")
            }),
            differ("the number of parts of its index is", own.shard.count, others.shard.count),
            differ("its k is", parameters.k, other_parameters.k),
            differ("its minimum frequency is", parameters.min_frequency, other_parameters.min_frequency),
            differ("its maximum frequency is", limit(parameters.max_frequency), limit(other_parameters.max_frequency)),
            differ(
                "its maximum of positions is",
                limit(parameters.max_positions),
                limit(other_parameters.max_positions),
            ),
            differ("its layout is", own.dictionary.kind().name(), others.dictionary.kind().name()),
            (genome != other_genome).then(|| {
                "its genome was read from other files, or they differ in names, lower case or letters other than ACGT"
                    .to_owned()
            }),
            (own.dictionary != others.dictionary || own.identity != others.identity)
                .then(|| "names or descriptions of contigs differ".to_owned()),
            (own.estimate != others.estimate).then(|| "its build expected another number of k-mers".to_owned()),
        ]
        .into_iter()
        .flatten()
        .next()
    }
}

/// A sentence on two values that differ.
fn differ<T: PartialEq + Display>(what: &str, own: T, other: T) -> Option<String> {
    (own != other).then(|| format!("{what} {own}, and that one's {other}"))
}

/// A limit as an error names it.
fn limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

impl PartSet {
    /// Reads the manifests of all parts of an index, in any order, and checks that they are of one index.
    ///
    /// # Errors
    /// [`Error::Input`] for a part that is damaged, missing, foreign or there twice; [`Error::Io`].
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut parts = paths.iter().map(|path| Part::read(path)).collect::<Result<Vec<_>>>()?;
        let Some((first, others)) = parts.split_first() else {
            return Err(Error::Usage("there are no parts to merge".to_owned()));
        };
        for part in &parts {
            let version = &part.manifest.written_by;
            if version != WRITTEN_BY {
                let problem = format!(
                    "it was written by {version}, and this is {WRITTEN_BY}; merge the parts with the program that \
                     wrote them, or build them again"
                );
                return Err(Error::input(&part.path, None, problem));
            }
        }
        for part in others {
            if let Some(difference) = part.difference(first) {
                let problem = format!(
                    "it is not of the same index as {}: {difference}; name the parts of one index only",
                    first.path.display()
                );
                return Err(Error::input(&part.path, None, problem));
            }
        }
        // Stable, so that of two equal parts the one that was named second is the doubled one.
        parts.sort_by_key(|part| part.manifest.shard.number);
        let set = Self(parts);
        set.check_numbers()?;
        Ok(set)
    }

    /// Checks that every part is there once and that their pages are those of the dictionary.
    fn check_numbers(&self) -> Result<()> {
        let first = self.first();
        for pair in self.0.windows(2) {
            let Shard { number, count } = pair[1].manifest.shard;
            if pair[0].manifest.shard.number == number {
                let problem =
                    format!("it is part {number} of {count}, and so is {}; name one of them", pair[0].path.display());
                return Err(Error::input(&pair[1].path, None, problem));
            }
        }
        let count = first.manifest.shard.count;
        let mut there = self.0.iter().map(|part| part.manifest.shard.number).peekable();
        let missing = (1..=count).filter(|number| there.next_if_eq(number).is_none());
        let missing_count = count as usize - self.0.len();
        if missing_count > 0 {
            let listed: Vec<String> = missing.take(MAX_LISTED).map(|number| number.to_string()).collect();
            let more = match missing_count - listed.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let (noun, verb) = if missing_count == 1 { ("part", "is") } else { ("parts", "are") };
            let problem = format!(
                "its index has {count} parts, and {noun} {}{more} {verb} missing; build the missing ones, or name \
                 them too",
                listed.join(", ")
            );
            return Err(Error::input(&first.path, None, problem));
        }
        let mut next = 0;
        for part in &self.0 {
            let pages = &part.manifest.pages;
            if pages.start != next {
                return Err(part.damaged(MANIFEST, "its pages do not begin where those of the part before end"));
            }
            next = pages.end;
        }
        match self.0.last() {
            Some(last) if next != last.manifest.dictionary.pages() => {
                Err(last.damaged(MANIFEST, "it is the last part, and its last page is not that of the index"))
            }
            _ => Ok(()),
        }
    }

    /// Compares the files of all parts with their digests.
    ///
    /// # Errors
    /// [`Error::Input`] for a damaged file, [`Error::Io`].
    pub(crate) fn check_files(&self, progress: &dyn Progress) -> Result<()> {
        progress.phase("checking", Some(self.0.iter().map(|part| part.manifest.bytes()).sum()));
        self.0.iter().try_for_each(|part| part.check_files(progress))
    }

    /// The part with the genome.
    pub(crate) fn first(&self) -> &Part {
        &self.0[0]
    }

    /// All parts, by number.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }
}
