//! Passes forged pages to the codec of an index, for the fuzz targets.

use crate::Result;
use crate::dictionary::codec::Codec;
use crate::dictionary::match_layout;
use crate::dictionary::source::Source;
use crate::format::ChecksumKind;
use crate::format::tree::ReadPattern;
use crate::index::open::Index;

impl Index {
    /// The bytes of a page and the payload of its block.
    pub(crate) fn page_parts(&self, number: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        let page = self.store.catalog().page(number, ReadPattern::Single)?.to_vec();
        let block = match_layout!(&self.dictionary, pages => self.reader(pages).block(number)?.bytes().to_vec());
        Ok((page, block))
    }

    /// Walks, checks and searches a page whose checksum is made right, and reads its lists from the payload `block`.
    pub(crate) fn probe_forged_page(&self, number: u64, mut bytes: Vec<u8>, block: &[u8]) {
        let identity = self.manifest.identity;
        if bytes.len() >= 16 {
            bytes[8..16].copy_from_slice(&number.to_le_bytes());
            let sum = identity.checksum(&bytes[8..], ChecksumKind::Page, number);
            bytes[..8].copy_from_slice(&sum.to_le_bytes());
        }
        match_layout!(&self.dictionary, pages => {
            pages.codec().probe_forged_page(identity, (&bytes, number), block);
        });
    }
}
