//! Reads the bases of a region: in place from the mapped genome, or from the chunks around it of a genome that lies
//! elsewhere, which are in the cache of the index then.

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::dictionary::match_layout;
use crate::format::catalog::SEQUENCE_CHUNK;
use crate::genome::{Case, TwoBitSequence};
use crate::index::checked_genome::{RecordHead, RemoteGenome};
use crate::index::open::Index;
use crate::memory::Component;
use crate::sequence::Region;
use crate::text::shortened;

/// Bytes of a chunk of the packed genome.
const CHUNK: u64 = SEQUENCE_CHUNK as u64;

/// The bases of a region of a contig.
pub(crate) struct RegionReader<'i> {
    index: &'i Index,
    source: RegionSource<'i>,
}

/// Where they are.
enum RegionSource<'i> {
    Mapped(TwoBitSequence<'i>),
    Remote { genome: &'i RemoteGenome, head: Arc<RecordHead> },
}

impl Index {
    /// A reader of the bases of a region, of which the interval is checked.
    ///
    /// # Errors
    /// [`Error::NotInIndex`](crate::Error::NotInIndex); [`Error::Damaged`](crate::Error::Damaged).
    pub(crate) fn region_reader(&self, region: &Region) -> Result<RegionReader<'_>> {
        let Some(genome) = self.genome.remote() else {
            let (_, sequence) = self.region_record(region)?;
            return Ok(RegionReader { index: self, source: RegionSource::Mapped(sequence) });
        };
        let contig = &self.contigs()?[self.locate(region)? as usize];
        let head = self.record_head(genome, contig.record)?;
        let packed_at = head.at + head.bytes.len() as u64;
        let is_whole = packed_at.saturating_add(contig.length.div_ceil(4)) <= self.genome.length();
        if !is_whole || TwoBitSequence::window(&head.bytes, &[], 0).is_none_or(|s| s.length() != contig.length) {
            let problem = format!("contig {} has another length there", shortened(&contig.name));
            return Err(self.genome.damage(Some(contig.record), problem));
        }
        let packed = packed_at + region.range.start / 4..packed_at + region.range.end.div_ceil(4);
        self.fetch_chunks(genome, packed)?;
        Ok(RegionReader { index: self, source: RegionSource::Remote { genome, head } })
    }

    /// The head of the record at a byte offset; that of the last record stays in memory.
    fn record_head(&self, genome: &RemoteGenome, at: u64) -> Result<Arc<RecordHead>> {
        if let Some(head) = &*genome.last_head.lock()
            && head.at == at
        {
            return Ok(Arc::clone(head));
        }
        let bytes = TwoBitSequence::head_bytes(|offset| {
            let read = self.genome_bytes(genome, at + offset..at + offset + 4)?;
            Ok(read.first_chunk().map_or(0, |four| u32::from_le_bytes(*four)))
        })?;
        let reservation = self.budget.reserve(Component::Genome, bytes, "the runs of N and lower case of a contig")?;
        let bytes = self.genome_bytes(genome, at..at + bytes)?;
        let head = Arc::new(RecordHead { at, bytes, _reservation: reservation });
        *genome.last_head.lock() = Some(Arc::clone(&head));
        Ok(head)
    }

    /// Fetches the first chunks with these bytes of the packed genome together, unless they are cached.
    fn fetch_chunks(&self, genome: &RemoteGenome, bytes: Range<u64>) -> Result<()> {
        let together = genome.file.bytes_together();
        let range = |number: u64| number * CHUNK..((number + 1) * CHUNK).min(self.genome.length());
        let mut left = together / CHUNK;
        let mut wanted = Vec::new();
        match_layout!(&self.dictionary, pages => {
            for number in bytes.start / CHUNK..bytes.end.div_ceil(CHUNK) {
                if left == 0 {
                    break;
                }
                if !pages.cache().has_chunk(number) {
                    wanted.push(range(number));
                    left -= 1;
                }
            }
        });
        if wanted.len() > 1 { genome.file.fetch_together(wanted) } else { Ok(()) }
    }

    /// Bytes of the packed genome, which are checked.
    fn genome_bytes(&self, genome: &RemoteGenome, bytes: Range<u64>) -> Result<Vec<u8>> {
        if bytes.end > self.genome.length() {
            return Err(self.genome.damage(Some(bytes.start), "no whole .2bit record is there"));
        }
        let mut out = Vec::with_capacity((bytes.end - bytes.start) as usize);
        for number in bytes.start / CHUNK..bytes.end.div_ceil(CHUNK) {
            let chunk = self.genome_chunk(genome, number)?;
            let at = number * CHUNK;
            let within = bytes.start.max(at) - at..bytes.end.min(at + CHUNK) - at;
            out.extend_from_slice(&chunk[within.start as usize..within.end as usize]);
        }
        Ok(out)
    }

    /// A chunk of the packed genome, from the cache or from its file.
    fn genome_chunk(&self, genome: &RemoteGenome, number: u64) -> Result<Arc<Vec<u8>>> {
        match_layout!(&self.dictionary, pages => {
            let cache = pages.cache();
            if let Some(chunk) = cache.chunk(number) {
                return Ok(chunk);
            }
            let length = self.genome.length();
            let start = number * CHUNK;
            let mut bytes = vec![0; (CHUNK.min(length - start)) as usize];
            genome.file.read(start, &mut bytes)?;
            self.genome.check_chunk(number, &bytes, self.store.catalog(), self.manifest.identity)?;
            Ok(cache.keep_chunk(number, length.div_ceil(CHUNK), bytes))
        })
    }
}

impl RegionReader<'_> {
    /// Appends the letters of a range of the contig, which lies in the region.
    ///
    /// # Errors
    /// Only if the genome lies elsewhere: [`Error::Damaged`](crate::Error::Damaged), [`Error::Io`](crate::Error::Io) and
    /// the like.
    pub(crate) fn bases(&self, range: Range<u64>, case: Case, out: &mut Vec<u8>) -> Result<()> {
        match &self.source {
            RegionSource::Mapped(sequence) => sequence.bases(range, case, out),
            RegionSource::Remote { genome, head } => {
                let packed_at = head.at + head.bytes.len() as u64;
                let bytes = packed_at + range.start / 4..packed_at + range.end.div_ceil(4);
                let packed = self.index.genome_bytes(genome, bytes)?;
                if let Some(sequence) = TwoBitSequence::window(&head.bytes, &packed, (range.start / 4) as usize) {
                    sequence.bases(range, case, out);
                }
            }
        }
        Ok(())
    }
}
