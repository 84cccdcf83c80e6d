//! Searches forged pages for the fuzz targets: nothing that a page contains may make a look-up panic or run for long.

use crate::dictionary::superkmers::codec::SuperKmerCodec;
use crate::dictionary::superkmers::page::PageShape;
use crate::dictionary::superkmers::search::Query;
use crate::format::Identity;

/// K-mers of a page after which the walk stops: a forged page may name very many.
const MAX_WALKED: u64 = 100_000;

impl SuperKmerCodec {
    /// See [`Codec::probe_forged_page`](crate::dictionary::codec::Codec::probe_forged_page).
    pub(super) fn probe_forged(&self, identity: Identity, (bytes, number): (&[u8], u64), block: &[u8]) {
        let Ok(shape) = PageShape::parse(identity, bytes, number, &self.layout, &self.fields) else { return };
        let page = self.view_of(&shape, bytes, number);
        let each = |_: Query, _: &[u64]| ();
        let mut kmers = 0;
        let is_sound = page.verify(block, Some(each), |_, count| kmers += count).is_ok();
        let mut walked = 0u64;
        let _ = page.for_each_kmer(
            page.keys(),
            || Ok::<_, String>(block),
            |problem| problem,
            |_, frequency, query| {
                walked += 1;
                let (mut sum, mut positions) = (0u64, 0u64);
                let crowd = page.search(page.bucket_of(query.key), &query, |_, _, found| {
                    sum = sum.saturating_add(found.count);
                    let _ = page.entry_positions(block, found, |_| positions += 1);
                })?;
                if let Some(crowd) = crowd
                    && let Some(row) = crowd.find(&self.fields, block, query.low.into(), query.context)
                {
                    sum = row.0;
                    let _ = page.crowd_positions(block, &crowd, row, |_| positions += 1);
                }
                assert!(!is_sound || (sum == frequency && positions == frequency));
                if walked == MAX_WALKED { Err("enough".to_owned()) } else { Ok(()) }
            },
        );
        assert!(!is_sound || walked == kmers.min(MAX_WALKED));
    }
}
