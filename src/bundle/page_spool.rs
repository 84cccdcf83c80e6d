//! The dictionary pages of finished passes, so that a resumed build can write them into a new catalog.
//!
//! A page is three numbers of 64 bits, little-endian (k-mers, bytes of its position block, bytes of the page), and then
//! the page.

use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::fs::DigestWriter;
use crate::{Error, Result};

/// The spool in a staging folder.
pub(super) const SPOOL: &str = "pages.spool";

/// Bytes that are read at once.
const READ_BUFFER: usize = 1 << 18;

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
    let mut head = [0; 24];
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
    let failed = |e| Error::io("read back", path, e);
    let mut file = BufReader::with_capacity(READ_BUFFER, fs::File::open(path).map_err(failed)?);
    let mut page = SpooledPage::default();
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
