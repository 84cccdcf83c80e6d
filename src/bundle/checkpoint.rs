//! What a build has finished, kept beside the bundle in the making, so that another one can go on from there.
//!
//! After each pass but the last, the position blocks and the spool of dictionary pages are made durable, and then a
//! checkpoint that holds their lengths and digests takes the place of the one before. The catalog is not among what is
//! kept: its bytes depend on the history of its transactions, so it is always written anew, in one.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::{FileDigest, Totals};
use crate::format::Identity;
use crate::fs::Folder;
use crate::{Error, Result};

/// The checkpoint in the folder of a build.
pub(crate) const CHECKPOINT: &str = "checkpoint.json";
/// The checkpoint that is to take its place.
pub(crate) const NEXT_CHECKPOINT: &str = "checkpoint.json.tmp";
/// The dictionary pages in the folder of a build.
pub(crate) const SPOOL: &str = "pages.spool";

const WRITTEN_BY: &str = concat!("reprise ", env!("CARGO_PKG_VERSION"));

/// What is finished: the first `pages` pages with their blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    written_by: String,
    pub(crate) identity: Identity,
    pub(crate) pages: u64,
    /// Of `positions.blk` as far as it is finished.
    pub(crate) positions: FileDigest,
    /// Of the spool as far as it is finished.
    pub(crate) spool: FileDigest,
    pub(crate) totals: Totals,
    /// (frequency, distinct k-mers) of these pages, what is not stored included.
    pub(crate) spectrum: Vec<(u64, u64)>,
    /// BLAKE3 of this file with an empty string here.
    blake3: String,
}

impl Checkpoint {
    pub(crate) fn new(
        identity: Identity,
        pages: u64,
        (positions, spool): (FileDigest, FileDigest),
        totals: Totals,
        spectrum: Vec<(u64, u64)>,
    ) -> Self {
        let written_by = WRITTEN_BY.to_owned();
        Self { written_by, identity, pages, positions, spool, totals, spectrum, blake3: String::new() }
    }

    fn json(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    fn digest(&self) -> io::Result<String> {
        let open = Self { blake3: String::new(), ..self.clone() };
        Ok(blake3::hash(open.json()?.as_bytes()).to_hex().to_string())
    }

    /// Takes the place of the checkpoint before it in a folder, durably.
    pub(crate) fn write(mut self, folder: &Folder) -> Result<()> {
        let mut put = || {
            self.blake3 = self.digest()?;
            folder.remove_file_if_there(NEXT_CHECKPOINT)?;
            let mut file = folder.create_file(NEXT_CHECKPOINT)?;
            file.write_all(self.json()?.as_bytes())?;
            file.sync_all()?;
            folder.rename(OsStr::new(NEXT_CHECKPOINT), folder, OsStr::new(CHECKPOINT))?;
            folder.sync()
        };
        put().map_err(|e| Error::io("write", folder.join(CHECKPOINT), e))
    }

    /// The checkpoint in a folder, if a sound one of this program is there; else why not.
    pub(crate) fn read(folder: &Folder) -> Result<Self, String> {
        let bytes = match folder.open_file(CHECKPOINT, false).and_then(crate::fs::File::read_text) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err("no pass was finished".to_owned()),
            Err(e) => return Err(format!("the checkpoint cannot be read ({e})")),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(all) if all.written_by != WRITTEN_BY => Err(format!("the interrupted build is of {}", all.written_by)),
            Ok(all) if all.digest().is_ok_and(|digest| digest == all.blake3) => Ok(all),
            _ => Err("the checkpoint is damaged".to_owned()),
        }
    }
}

/// A file that is written front to back, and the digest of what is in it.
pub(crate) struct Digested {
    file: crate::fs::File,
    path: PathBuf,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Digested {
    /// A new file.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file = crate::fs::File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(Self { file, path, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// A file that was written as far as `digest` says, and is cut there; `None` where its bytes are others.
    pub(crate) fn reopen(folder: &Folder, name: &str, digest: &FileDigest) -> Result<Option<Self>> {
        let path = folder.join(name);
        let failed = |e| Error::io("read back", &path, e);
        let mut file = match folder.open_file(name, true) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 18];
        let mut left = digest.bytes;
        while left > 0 {
            let length = buffer.len().min(left as usize);
            match file.read(&mut buffer[..length]).map_err(failed)? {
                0 => return Ok(None),
                read => {
                    hasher.update(&buffer[..read]);
                    left -= read as u64;
                }
            }
        }
        if hasher.finalize().to_hex().as_str() != digest.blake3 {
            return Ok(None);
        }
        file.set_len(digest.bytes).map_err(|e| Error::io("cut", &path, e))?;
        Ok(Some(Self { file, path, hasher, bytes: digest.bytes }))
    }

    pub(crate) fn file(&self) -> &crate::fs::File {
        &self.file
    }

    /// Bytes written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Makes it durable as it is.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("sync", &self.path, e))
    }

    pub(crate) fn digest(&self) -> FileDigest {
        FileDigest { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

/// A page in the spool, with what the page index says of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Spooled {
    pub(crate) kmers: u64,
    pub(crate) block_bytes: u64,
    pub(crate) dictionary: Vec<u8>,
}

/// Adds a page to a spool: three numbers of 64 bits (k-mers, bytes of the block, bytes of the page), then the page.
pub(crate) fn spool(file: &mut Digested, kmers: u64, block_bytes: u64, dictionary: &[u8]) -> Result<()> {
    let mut head = [0; 24];
    for (to, number) in head.chunks_exact_mut(8).zip([kmers, block_bytes, dictionary.len() as u64]) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    file.put(&head)?;
    file.put(dictionary)
}

/// Calls `each` for the first `pages` pages of a spool, whose digest was checked.
pub(crate) fn spooled(path: &Path, pages: u64, mut each: impl FnMut(u64, &Spooled) -> Result<()>) -> Result<()> {
    let failed = |e| Error::io("read back", path, e);
    let mut file = BufReader::with_capacity(1 << 18, fs::File::open(path).map_err(failed)?);
    let mut page = Spooled::default();
    for number in 0..pages {
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let mut eight = [0; 8];
            file.read_exact(&mut eight).map_err(failed)?;
            *number = u64::from_le_bytes(eight);
        }
        (page.kmers, page.block_bytes) = (numbers[0], numbers[1]);
        page.dictionary.resize(numbers[2] as usize, 0);
        file.read_exact(&mut page.dictionary).map_err(failed)?;
        each(number, &page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> FileDigest {
        FileDigest { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    #[test]
    fn a_checkpoint_comes_back_or_says_why_not() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let read = || Checkpoint::read(&folder);
        assert!(read().is_err_and(|why| why.contains("no pass")));
        let totals = Totals { kmers: 5, ..Totals::default() };
        for pages in [3, 4] {
            let digests = (of(b"positions"), of(b"spool"));
            let checkpoint = Checkpoint::new(Identity::TEST, pages, digests, totals, vec![(1, 2)]);
            checkpoint.write(&folder).expect("written");
            let back = read().expect("sound");
            assert_eq!((back.pages, back.totals, back.spectrum), (pages, totals, vec![(1, 2)]));
        }
        let path = folder.join(CHECKPOINT);
        let whole = fs::read(&path).expect("there");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert!(read().is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).expect("written");
            assert!(read().is_err(), "{at} bytes");
        }
    }

    #[test]
    fn files_go_on_where_they_were_cut() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let path = folder.join(SPOOL);
        let reopen = |digest| Digested::reopen(&folder, SPOOL, digest);
        let mut file = Digested::create(path.clone()).expect("created");
        spool(&mut file, 7, 80, b"first page").expect("written");
        let first = file.digest();
        spool(&mut file, 8, 90, b"lost").expect("written");
        drop(file);

        let mut file = reopen(&first).expect("read").expect("the same");
        spool(&mut file, 9, 100, b"second").expect("written");
        assert_eq!(file.digest(), of(&fs::read(&path).expect("there")));
        let mut pages = Vec::new();
        let mut keep = |number, page: &Spooled| {
            pages.push((number, page.kmers, page.block_bytes, page.dictionary.clone()));
            Ok(())
        };
        spooled(&path, 2, &mut keep).expect("read");
        assert_eq!(pages, [(0, 7, 80, b"first page".to_vec()), (1, 9, 100, b"second".to_vec())]);

        let mut damaged = fs::read(&path).expect("there");
        damaged[3] ^= 1;
        fs::write(&path, &damaged).expect("written");
        assert!(reopen(&first).expect("read").is_none());
        fs::write(&path, &damaged[..10]).expect("written");
        assert!(reopen(&first).expect("read").is_none());
        fs::remove_file(path).expect("there");
        assert!(reopen(&first).expect("nothing to read").is_none());
    }
}
