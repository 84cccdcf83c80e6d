//! The dictionary pages of finished passes, so that a resumed build can write them into a new catalog; and those of a
//! part of an index.
//!
//! A page is three numbers of 64 bits, little-endian (k-mers, bytes of its position block, bytes of the page), and then
//! the page.

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::fs::DigestWriter;
use crate::{Error, Result};

/// Bytes that are read at once.
const READ_BUFFER: usize = 1 << 18;

/// Bytes before a page: three numbers.
const HEAD_BYTES: u64 = 24;

/// A page in the spool, with its numbers in the page index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SpooledPage {
    pub(crate) kmers: u64,
    /// Bytes of its position block.
    pub(crate) block_bytes: u64,
    pub(crate) dictionary: Vec<u8>,
}

/// Appends a page to a spool.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn append_page(file: &mut DigestWriter, kmers: u64, block_bytes: u64, dictionary: &[u8]) -> Result<()> {
    let mut head = [0; HEAD_BYTES as usize];
    for (to, number) in head.chunks_exact_mut(8).zip([kmers, block_bytes, dictionary.len() as u64]) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    file.append(&head)?;
    file.append(dictionary)
}

/// Calls `each` with the number and the page of the first `pages` pages of a spool, whose digest was checked.
///
/// # Errors
/// [`Error::Io`], and those of `each`.
pub(crate) fn read_pages(path: &Path, pages: u64, mut each: impl FnMut(u64, &SpooledPage) -> Result<()>) -> Result<()> {
    let mut reader = SpoolReader::open(path, u64::MAX)?;
    for number in 0..pages {
        let page = reader.next().map_err(|e| Error::io("read back", path, e))?;
        each(number, &page)?;
    }
    Ok(())
}

/// Reads the pages of a spool one after the other.
pub(crate) struct SpoolReader {
    file: BufReader<fs::File>,
    /// Bytes that are left.
    left: u64,
}

impl SpoolReader {
    /// Opens a spool of at most `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
        Ok(Self { file: BufReader::with_capacity(READ_BUFFER, file), left: bytes })
    }

    /// The next page.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::InvalidData`] for a page that is longer than the spool.
    pub(crate) fn next(&mut self) -> io::Result<SpooledPage> {
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let mut eight = [0; 8];
            self.file.read_exact(&mut eight)?;
            *number = u64::from_le_bytes(eight);
        }
        let [kmers, block_bytes, length] = numbers;
        let left = self.left.saturating_sub(HEAD_BYTES);
        self.left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
        let mut dictionary = Vec::new();
        // Memory grows with what is read, whatever the length.
        (&mut self.file).take(length).read_to_end(&mut dictionary)?;
        if dictionary.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(SpooledPage { kmers, block_bytes, dictionary })
    }

    /// Whether no bytes are left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SPOOL;

    #[test]
    fn pages_are_read_back_in_order() {
        let at = tempfile::tempdir().expect("a temporary folder");
        let path = at.path().join(SPOOL);
        let mut file = DigestWriter::create(path.clone()).expect("created");
        append_page(&mut file, 7, 80, b"first page").expect("written");
        append_page(&mut file, 9, 100, b"second").expect("written");
        let mut pages = Vec::new();
        let mut keep = |number, page: &SpooledPage| {
            pages.push((number, page.kmers, page.block_bytes, page.dictionary.clone()));
            Ok(())
        };
        read_pages(&path, 2, &mut keep).expect("read");
        assert_eq!(pages, [(0, 7, 80, b"first page".to_vec()), (1, 9, 100, b"second".to_vec())]);
    }
}
