//! Text compressed with bgzip, and the index of its blocks (`.gzi`). Blocks are compressed on all threads and written in
//! their order; where they begin depends on the text alone, so the bytes do not depend on threads or memory.

use std::io::{self, Write};

use noodles_bgzf as bgzf;
use rayon::prelude::*;

use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Result};

/// Bytes of text of a block, as bgzip has: a block of text that does not compress must not exceed 64 KiB.
const BLOCK_TEXT: usize = 0xff00;
/// Blocks of a batch for each thread, at most: they take much longer to compress than a batch to begin and to end.
const BLOCKS_PER_THREAD: usize = 4;
/// Bytes of a block in memory: its text, and compressed at most as much.
const BLOCK_BYTES: u64 = 2 << 16;
/// Bytes of a thread that compresses: the state of the encoder, and its buffers for a block.
const ENCODER_BYTES: u64 = 1 << 19;
/// The user of the memory, as errors name it.
const PURPOSE: &str = "a compressed file";
/// The empty block that ends a file (<https://samtools.github.io/hts-specs/SAMv1.pdf>, section 4.1.2).
const END_MARKER: [u8; 28] =
    *b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00\x42\x43\x02\x00\x1b\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";

/// How a compressed file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceEnd {
    /// With the empty block that ends a file.
    Marked,
    /// Without it, so that another file may follow.
    Open,
}

/// Compresses what is written to it on the current rayon pool. A flush ends the present block.
pub(super) struct BlockWriter<'a> {
    output: &'a mut dyn Write,
    /// Text that waits to be compressed.
    text: Vec<u8>,
    /// Where the blocks in it end; the text behind the last is of the present block.
    ends: Vec<usize>,
    /// Blocks of a batch at most.
    batch: usize,
    /// Bytes of the file and of its text so far.
    written: (u64, u64),
    /// Where the blocks begin in the file and in the text, if there will be an index.
    begins: Option<Vec<(u64, u64)>>,
    /// Of a batch of as many blocks as there were.
    reservation: Reservation,
}

impl<'a> BlockWriter<'a> {
    /// A file with an index, or without one.
    ///
    /// # Errors
    /// [`Error::Memory`] if the budget has no space for one block.
    pub(super) fn new(output: &'a mut dyn Write, indexed: bool, budget: &Budget) -> Result<Self> {
        let reservation = budget.reserve(Component::Output, batch_bytes(1), PURPOSE)?;
        let batch = BLOCKS_PER_THREAD * rayon::current_num_threads();
        let begins = indexed.then(Vec::new);
        Ok(Self { output, text: Vec::new(), ends: Vec::new(), batch, written: (0, 0), begins, reservation })
    }

    /// Where the present block begins in the text that waits.
    fn begin(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Ends the present block, and compresses the batch if it is full or memory has no space for another block.
    fn end_block(&mut self) -> io::Result<()> {
        if self.text.len() > self.begin() {
            self.ends.push(self.text.len());
        }
        let blocks = self.ends.len();
        let more = batch_bytes(blocks + 1).saturating_sub(self.reservation.bytes());
        if blocks >= self.batch || self.reservation.grow(more, PURPOSE).is_err() { self.compress() } else { Ok(()) }
    }

    /// Compresses and writes the blocks that have ended, which are all of the text.
    fn compress(&mut self) -> io::Result<()> {
        let blocks: Vec<&[u8]> =
            self.ends.iter().scan(0, |begin, &end| Some(&self.text[std::mem::replace(begin, end)..end])).collect();
        let compressed: Vec<Vec<u8>> = blocks.par_iter().map(|text| compressed(text)).collect::<io::Result<_>>()?;
        for (text, block) in blocks.iter().zip(&compressed) {
            self.output.write_all(block)?;
            self.begins.iter_mut().for_each(|begins| begins.push(self.written));
            self.written = (self.written.0 + block.len() as u64, self.written.1 + text.len() as u64);
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }

    /// Ends the file. Returns its index: the number of blocks after the first, and where each begins in the file and in
    /// the text, as numbers of 64 bits, little-endian (<https://www.htslib.org/doc/bgzip.html>).
    ///
    /// # Errors
    /// [`Error::Output`].
    pub(super) fn finish(mut self, end: SequenceEnd) -> Result<Vec<u8>> {
        self.end_block().and_then(|()| self.compress()).map_err(Error::Output)?;
        if end == SequenceEnd::Marked {
            self.output.write_all(&END_MARKER).map_err(Error::Output)?;
        }
        let after_first = self.begins.as_ref().and_then(|begins| begins.get(1..)).unwrap_or_default();
        let mut index = (after_first.len() as u64).to_le_bytes().to_vec();
        for (file, text) in after_first {
            index.extend(file.to_le_bytes());
            index.extend(text.to_le_bytes());
        }
        Ok(index)
    }
}

impl Write for BlockWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let missing = BLOCK_TEXT - (self.text.len() - self.begin());
        let taken = bytes.len().min(missing);
        self.text.extend_from_slice(&bytes[..taken]);
        if taken == missing {
            self.end_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end_block()
    }
}

/// Bytes of a batch of so many blocks.
fn batch_bytes(blocks: usize) -> u64 {
    let threads = rayon::current_num_threads().min(blocks);
    blocks as u64 * BLOCK_BYTES + threads as u64 * ENCODER_BYTES
}

/// A block of this text.
fn compressed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = bgzf::io::Writer::new(Vec::with_capacity(text.len()));
    encoder.write_all(text)?;
    encoder.flush()?;
    Ok(encoder.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::random::Random;

    /// A file of pieces of text, with a flush behind each, and its index.
    fn file(pieces: &[Vec<u8>], threads: usize, budget: u64) -> (Vec<u8>, Vec<u8>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut bytes = Vec::new();
            let budget = Budget::new(budget);
            let mut writer = BlockWriter::new(&mut bytes, true, &budget).expect("memory");
            for piece in pieces {
                writer.write_all(piece).expect("written");
                writer.flush().expect("written");
            }
            let index = writer.finish(SequenceEnd::Marked).expect("written");
            (bytes, index)
        })
    }

    #[test]
    fn blocks_are_read_back_and_do_not_depend_on_threads_or_memory() {
        let mut random = Random::new(3);
        let lengths = [0, 1, BLOCK_TEXT - 1, BLOCK_TEXT, BLOCK_TEXT + 1, 0, 20 * BLOCK_TEXT + 77];
        let mut pieces: Vec<Vec<u8>> = lengths.map(|length| random.bases(length)).into();
        // Text that does not compress.
        pieces.push((0..3 * BLOCK_TEXT).map(|_| random.below(256) as u8).collect());
        let (bytes, index) = file(&pieces, 1, 1 << 30);
        // With the least memory, one block at a time is compressed.
        for (threads, budget) in [(3, 1 << 30), (1, batch_bytes(1)), (3, batch_bytes(1)), (3, 2 * batch_bytes(1))] {
            assert_eq!(file(&pieces, threads, budget), (bytes.clone(), index.clone()));
        }
        let mut text = Vec::new();
        bgzf::io::Reader::new(&bytes[..]).read_to_end(&mut text).expect("blocks");
        assert_eq!(text, pieces.concat());
        let index = bgzf::gzi::io::Reader::new(&index[..]).read_index().expect("an index");
        // A block ends behind each piece; each has as many as it fills.
        let blocks: usize = pieces.iter().map(|piece| piece.len().div_ceil(BLOCK_TEXT)).sum();
        assert_eq!(index.as_ref().len(), blocks - 1);
        for &(at, of_text) in index.as_ref() {
            let mut rest = Vec::new();
            bgzf::io::Reader::new(&bytes[at as usize..]).read_to_end(&mut rest).expect("blocks");
            assert_eq!(rest, text[of_text as usize..]);
        }
    }

    #[test]
    fn an_empty_file_is_the_end_marker() {
        let (bytes, index) = file(&[], 2, 1 << 30);
        assert_eq!((&bytes[..], &index[..]), (&END_MARKER[..], &[0; 8][..]));
        assert_eq!(bgzf::io::Writer::new(Vec::new()).finish().expect("written"), END_MARKER);
    }
}
