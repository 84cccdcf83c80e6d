//! Searches forged pages for the fuzz targets: nothing that a page contains may make a look-up panic or run for long.

use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::page::PageShape;
use crate::format::Identity;

impl SortedCodec {
    /// See [`Codec::probe_forged_page`](crate::dictionary::codec::Codec::probe_forged_page).
    pub(super) fn probe_forged(&self, identity: Identity, (bytes, number): (&[u8], u64), block: &[u8]) {
        let Ok(shape) = PageShape::parse(identity, bytes, number, &self.layout) else { return };
        let page = self.view_of(&shape, bytes, number);
        let is_sound = page.verify(|problem| problem, |_, _| Ok::<_, String>(())).is_ok();
        let mut list_at = 0u64;
        for (hash, frequency) in page.entries() {
            let bucket = page.bucket_of(hash);
            let found = page.search(bucket, hash);
            let probed = page.probe(bucket, hash);
            assert!(!probed.is_decided || !is_sound || probed.frequency == frequency);
            assert!(!is_sound || (found.is_some() && page.frequency(hash) == frequency), "hash {hash:#x}");
            let Some((slot, _)) = found else { continue };
            let at = page.list_at(hash, slot);
            assert!(!is_sound || at == list_at, "hash {hash:#x}");
            let damage = |problem: &str| problem.to_owned();
            let _ = page.read_list(block, (at, frequency), u64::MAX, damage, |_| Ok(()));
            list_at = list_at.saturating_add(self.list_bits(frequency));
        }
        // The walk over frequencies alone.
        assert!(!is_sound || page.frequencies().eq(page.entries().map(|entry| entry.1)));
    }
}
