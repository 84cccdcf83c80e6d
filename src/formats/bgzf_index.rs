//! The index of a file compressed with bgzip (`.gzi`): where each block begins in the file and in its text. With it and
//! an index of its sequences (`.fai`) a compressed FASTA is read from any base on
//! (<https://www.htslib.org/doc/bgzip.html>).

use std::io::{self, Write};

use crate::fs::Output;

/// Bytes of the header of a block, up to its length (<https://samtools.github.io/hts-specs/SAMv1.pdf>, section 4.1).
const HEADER: usize = 18;
/// Bytes of the length of the text at the end of a block.
const TEXT_LENGTH: usize = 4;

/// Writes the blocks of a compressed file through, and notes where they begin.
pub(super) struct BlockIndexer<'a> {
    output: &'a mut Output,
    /// The first bytes of the present block.
    header: Vec<u8>,
    /// Its last bytes so far.
    tail: [u8; TEXT_LENGTH],
    /// Its bytes so far.
    at: u64,
    /// Where the present block begins in the file and in the text.
    begin: (u64, u64),
    /// Where the blocks after the first begin; the last one is the empty block at the end of a file.
    begins: Vec<(u64, u64)>,
}

impl<'a> BlockIndexer<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        let (header, begins) = (Vec::with_capacity(HEADER), Vec::new());
        Self { output, header, tail: [0; TEXT_LENGTH], at: 0, begin: (0, 0), begins }
    }

    /// The index: the number of blocks behind the first that have text, and where each begins.
    pub(super) fn index(mut self) -> Vec<u8> {
        // Nothing begins behind the empty block.
        self.begins.pop();
        let blocks = self.begins.iter().filter(|(_, text)| *text < self.begin.1);
        let mut index = (blocks.clone().count() as u64).to_le_bytes().to_vec();
        for (file, text) in blocks {
            index.extend(file.to_le_bytes());
            index.extend(text.to_le_bytes());
        }
        index
    }

    /// Notes bytes, up to the end of the present block at most; returns their number.
    fn note(&mut self, bytes: &[u8]) -> usize {
        let missing = HEADER - self.header.len();
        if missing > 0 {
            let taken = missing.min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            self.at += taken as u64;
            return taken;
        }
        let length = u64::from(u16::from_le_bytes([self.header[HEADER - 2], self.header[HEADER - 1]])) + 1;
        let taken = bytes.len().min((length - self.at) as usize);
        for &byte in &bytes[taken.saturating_sub(TEXT_LENGTH)..taken] {
            self.tail.rotate_left(1);
            self.tail[TEXT_LENGTH - 1] = byte;
        }
        self.at += taken as u64;
        if self.at == length {
            let text = u64::from(u32::from_le_bytes(self.tail));
            self.begin = (self.begin.0 + length, self.begin.1 + text);
            self.begins.push(self.begin);
            self.header.clear();
            self.at = 0;
        }
        taken
    }
}

impl Write for BlockIndexer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        let mut rest = &bytes[..written];
        while !rest.is_empty() {
            let taken = self.note(rest);
            rest = &rest[taken..];
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
