//! The record of finished passes in a staging folder, from which another build can resume.
//!
//! After each pass but the last, the position blocks and the spool of dictionary pages are made durable, and then a
//! checkpoint with their lengths and digests replaces the one before. The catalog is not reused: its bytes depend on
//! the history of its transactions, so it is always written anew, in one transaction.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::{Totals, WRITTEN_BY};
use crate::format::Identity;
use crate::fs::{File, FileDigest, Folder};
use crate::{Error, Result};

/// The checkpoint in a staging folder.
pub(super) const CHECKPOINT: &str = "checkpoint.json";
/// A checkpoint that is not complete yet.
pub(super) const NEXT_CHECKPOINT: &str = "checkpoint.json.tmp";

/// A record of the first `pages` pages of a build and their position blocks, which are finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    written_by: String,
    pub(crate) identity: Identity,
    /// The pages that the build makes: all of the index, or those of a part of it.
    pub(crate) range: Range<u64>,
    pub(crate) pages: u64,
    /// Of the finished part of `positions.blk`.
    pub(crate) positions: FileDigest,
    /// Of the finished part of the spool.
    pub(crate) spool: FileDigest,
    pub(crate) totals: Totals,
    /// (frequency, distinct k-mers) of these pages, k-mers that are not stored included.
    pub(crate) spectrum: Vec<(u64, u64)>,
    /// BLAKE3 of this record with an empty string in this field.
    blake3: String,
}

impl Checkpoint {
    /// A record of the first `pages` pages of `range`; digests of the positions and of the spool.
    pub(crate) fn new(
        (identity, range): (Identity, Range<u64>),
        pages: u64,
        (positions, spool): (FileDigest, FileDigest),
        totals: Totals,
        spectrum: Vec<(u64, u64)>,
    ) -> Self {
        let written_by = WRITTEN_BY.to_owned();
        Self { written_by, identity, range, pages, positions, spool, totals, spectrum, blake3: String::new() }
    }

    fn json(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    fn digest(&self) -> io::Result<String> {
        let undigested = Self { blake3: String::new(), ..self.clone() };
        Ok(blake3::hash(undigested.json()?.as_bytes()).to_hex().to_string())
    }

    /// Replaces the checkpoint in a folder, durably.
    pub(crate) fn write(mut self, folder: &Folder) -> Result<()> {
        let mut replace = || {
            self.blake3 = self.digest()?;
            folder.remove_file_if_present(NEXT_CHECKPOINT)?;
            let mut file = folder.create_file(NEXT_CHECKPOINT)?;
            file.write_all(self.json()?.as_bytes())?;
            file.sync_all()?;
            folder.rename(OsStr::new(NEXT_CHECKPOINT), folder, OsStr::new(CHECKPOINT))?;
            folder.sync()
        };
        replace().map_err(|e| Error::io("write", folder.join(CHECKPOINT), e))
    }

    /// Reads the checkpoint in a folder; the error is the reason why there is no sound one of this version.
    pub(crate) fn read(folder: &Folder) -> Result<Self, String> {
        let bytes = match folder.open_file(CHECKPOINT, false).and_then(File::read_text) {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(bytes: &[u8]) -> FileDigest {
        FileDigest { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    #[test]
    fn a_checkpoint_is_read_back_or_refused_with_a_reason() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(at.path()).expect("there");
        let read = || Checkpoint::read(&folder);
        assert!(read().is_err_and(|why| why.contains("no pass")));
        let totals = Totals { kmers: 5, ..Totals::default() };
        for pages in [3, 4] {
            let digests = (of(b"positions"), of(b"spool"));
            let checkpoint = Checkpoint::new((Identity::TEST, 0..9), pages, digests, totals, vec![(1, 2)]);
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
}
