//! A .2bit file is the input of a build as FASTA is: read once, from its first sequence to its last, in constant
//! memory. Unlike the packed genome of an index it may be of any program and of either byte order, others may change it,
//! and none of it is trusted, so it is read by calls and not mapped.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::genome::twobit::layout::{HEADER, MAX_NAME, SIGNATURE};
use crate::genome::twobit::pack::LETTERS;
use crate::sequence::{RecordHead, Source};
use crate::{Error, Result};

/// Bases returned at a time, a multiple of four: as many as are read from FASTA.
const PIECE: u64 = 1 << 16;
/// Blocks of N or of lower case that are read at a time: one call for 4 KiB of starts, and one for their lengths.
const BLOCKS_PER_READ: u32 = 1 << 10;

/// Reads the sequences of a .2bit file, piece by piece.
pub(crate) struct TwoBitInput {
    file: TwoBitFile,
    /// Bytes of an offset in the index.
    offset_bytes: u64,
    contigs: u32,
    /// Sequences whose entries in the index were read, and where the next entry is.
    number: u32,
    next_entry: u64,
    sequence: Option<Sequence>,
    packed: Vec<u8>,
    letters: Vec<u8>,
}

/// The file, with the byte order of its words.
struct TwoBitFile {
    source: Source,
    file: File,
    opened: Metadata,
    is_swapped: bool,
}

/// The sequence that is read.
struct Sequence {
    length: u64,
    /// Bases that were returned.
    at: u64,
    /// Where its packed bases are.
    packed: u64,
    n_blocks: BlockReader,
    mask_blocks: BlockReader,
}

/// Reads ascending blocks of bases, some at a time.
struct BlockReader {
    /// Offset of their starts; their lengths are behind all of them.
    starts: u64,
    count: u32,
    /// Bases of the sequence.
    length: u64,
    /// Blocks that were read, and those of them that do not end before the bases that were returned.
    read: u32,
    present: VecDeque<Range<u64>>,
}

/// Whether a file begins as .2bit does, in either byte order. Anything but a file that can be read does not.
pub(crate) fn is_twobit(source: &Source) -> bool {
    let mut word = [0; 4];
    source.bytes_total().is_some()
        && File::open(source.path()).is_ok_and(|file| file.read_exact_at(&mut word, 0).is_ok())
        && [SIGNATURE, SIGNATURE.swap_bytes()].contains(&u32::from_le_bytes(word))
}

impl TwoBitInput {
    /// Opens a file for which [`is_twobit`] is true.
    ///
    /// # Errors
    /// [`Error::Input`] for another version than 0 and 1 and for an index that cannot be in the file; [`Error::Io`].
    pub(crate) fn open(source: &Source) -> Result<Self> {
        let path = source.path();
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let opened = file.metadata().map_err(|e| Error::io("read", path, e))?;
        let mut file = TwoBitFile { source: source.clone(), file, opened, is_swapped: false };
        file.is_swapped = file.word(0)? != SIGNATURE;
        let (version, contigs, _reserved) = (file.word(4)?, file.word(8)?, file.word(12)?);
        let offset_bytes = match version {
            0 => 4,
            1 => 8,
            _ => {
                let problem =
                    format!("is .2bit of version {version}, and versions 0 and 1 are read; convert it to FASTA");
                return Err(Error::input(path, None, problem));
            }
        };
        // An entry has a length, a name and an offset.
        if HEADER as u64 + u64::from(contigs) * (2 + offset_bytes) > file.opened.len() {
            return Err(file.damage(8, "there cannot be as many sequences in the file as it states"));
        }
        Ok(Self {
            file,
            offset_bytes,
            contigs,
            number: 0,
            next_entry: HEADER as u64,
            sequence: None,
            packed: Vec::new(),
            letters: Vec::new(),
        })
    }

    /// The name of the next sequence; the rest of the current one is skipped. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Input`] for a name that FASTA could not have, for a sequence that is not whole, and if the file changed
    /// meanwhile; [`Error::Io`].
    pub(crate) fn next_record(&mut self) -> Result<Option<RecordHead>> {
        self.sequence = None;
        if self.number == self.contigs {
            self.file.check_unchanged()?;
            return Ok(None);
        }
        self.number += 1;
        let (file, at) = (&self.file, self.next_entry);
        let mut name = [0; 1 + MAX_NAME];
        file.read(at, &mut name[..1])?;
        let length = usize::from(name[0]);
        let name = &mut name[1..=length];
        file.read(at + 1, name)?;
        let offset_at = at + 1 + length as u64;
        let offset = match self.offset_bytes {
            4 => u64::from(file.word(offset_at)?),
            _ => file.wide_word(offset_at)?,
        };
        self.next_entry = offset_at + self.offset_bytes;
        self.sequence = Some(file.sequence(offset)?);
        let wrong = |problem| Err(file.damage(at, problem));
        let Ok(name) = std::str::from_utf8(name) else { return wrong("the name of a sequence is not UTF-8") };
        if name.contains('\0') {
            return wrong("the name of a sequence contains a NUL byte");
        }
        // As in FASTA, a name ends at the first blank.
        let name = name.trim_ascii();
        let (name, description) = name.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((name, ""));
        if name.is_empty() {
            return wrong("a sequence has no name");
        }
        Ok(Some(RecordHead {
            name: format!("{}{name}", file.source.prefix()),
            description: description.trim_ascii().to_owned(),
            line: u64::from(self.number),
        }))
    }

    /// The next letters of the sequence: A, C, G, T and N, in lower case if they are masked. `None` at its end.
    ///
    /// # Errors
    /// [`Error::Input`] for blocks that do not ascend or end past the sequence, and if the file ends early;
    /// [`Error::Io`].
    pub(crate) fn next_bases(&mut self) -> Result<Option<&[u8]>> {
        let Some(sequence) = &mut self.sequence else { return Ok(None) };
        let range = sequence.at..sequence.length.min(sequence.at + PIECE);
        if range.is_empty() {
            return Ok(None);
        }
        let bases = (range.end - range.start) as usize;
        self.packed.resize(bases.div_ceil(4), 0);
        self.file.read(sequence.packed + range.start / 4, &mut self.packed)?;
        self.letters.clear();
        self.letters.extend(self.packed.iter().flat_map(|&byte| LETTERS[usize::from(byte)]));
        self.letters.truncate(bases);
        let local = |block: Range<u64>| (block.start - range.start) as usize..(block.end - range.start) as usize;
        let letters = &mut self.letters;
        sequence.n_blocks.for_each_within(&range, &self.file, |block| letters[local(block)].fill(b'N'))?;
        sequence
            .mask_blocks
            .for_each_within(&range, &self.file, |block| letters[local(block)].make_ascii_lowercase())?;
        sequence.at = range.end;
        Ok(Some(&self.letters))
    }
}

impl BlockReader {
    /// Blocks of a sequence of `length` bases whose starts are at an offset.
    fn new(starts: u64, count: u32, length: u64) -> Self {
        Self { starts, count, length, read: 0, present: VecDeque::new() }
    }

    /// Offset behind the last block.
    fn end(&self) -> u64 {
        self.starts + 8 * u64::from(self.count)
    }

    /// Calls `each` for the parts of blocks within the next bases of the sequence.
    fn for_each_within(
        &mut self,
        range: &Range<u64>,
        file: &TwoBitFile,
        mut each: impl FnMut(Range<u64>),
    ) -> Result<()> {
        // Blocks are read until one ends behind the range, so there is one unless this is the first range.
        let mut last = self.present.back().map_or(range.start, |block| block.end);
        loop {
            while let Some(block) = self.present.front() {
                let part = block.start.max(range.start)..block.end.min(range.end);
                if part.start < part.end {
                    each(part);
                }
                if block.end > range.end {
                    return Ok(());
                }
                self.present.pop_front();
            }
            let more = BLOCKS_PER_READ.min(self.count - self.read);
            if more == 0 {
                return Ok(());
            }
            for (number, block) in (u64::from(self.read)..).zip(file.blocks(self, more)?) {
                if block.start < last || block.end > self.length {
                    let problem = "a block of N or lower case is not behind the one before it and in the sequence";
                    return Err(file.damage(self.starts + 4 * number, problem));
                }
                last = block.end;
                self.present.push_back(block);
            }
            self.read += more;
        }
    }
}

impl TwoBitFile {
    /// Reads bytes at an offset.
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > self.opened.len()) {
            return Err(self.damage(at, "the file ends before what should be there"));
        }
        self.file.read_exact_at(bytes, at).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::io("read", self.source.path(), e),
        })?;
        self.source.count_read(bytes.len() as u64);
        Ok(())
    }

    fn word(&self, at: u64) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(at, &mut bytes)?;
        Ok(self.word_of(bytes))
    }

    fn word_of(&self, bytes: [u8; 4]) -> u32 {
        if self.is_swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn wide_word(&self, at: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(if self.is_swapped { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// The sequence whose record is at an offset; all of the record is in the file.
    fn sequence(&self, offset: u64) -> Result<Sequence> {
        let length = u64::from(self.word(offset)?);
        let blocks = |at: u64| -> Result<BlockReader> { Ok(BlockReader::new(at + 4, self.word(at)?, length)) };
        let n_blocks = blocks(offset + 4)?;
        let mask_blocks = blocks(n_blocks.end())?;
        let _reserved = self.word(mask_blocks.end())?;
        let packed = mask_blocks.end() + 4;
        if packed + length.div_ceil(4) > self.opened.len() {
            return Err(self.damage(offset, "the sequence there ends past the file"));
        }
        Ok(Sequence { length, at: 0, packed, n_blocks, mask_blocks })
    }

    /// The next blocks of a sequence.
    fn blocks(&self, of: &BlockReader, count: u32) -> Result<Vec<Range<u64>>> {
        let words = |at: u64| -> Result<Vec<u64>> {
            let mut bytes = vec![0; 4 * count as usize];
            self.read(at, &mut bytes)?;
            Ok(bytes.as_chunks::<4>().0.iter().map(|word| u64::from(self.word_of(*word))).collect())
        };
        let at = of.starts + 4 * u64::from(of.read);
        let (starts, lengths) = (words(at)?, words(at + 4 * u64::from(of.count))?);
        Ok(starts.into_iter().zip(lengths).map(|(start, length)| start..start + length).collect())
    }

    /// An error about the content of the file.
    fn damage(&self, at: u64, problem: &str) -> Error {
        let problem = format!("byte {at}: {problem}; the .2bit file is damaged, copy or download it again");
        Error::input(self.source.path(), None, problem)
    }

    fn changed(&self) -> Error {
        let problem = "the file changed while it was read; run this again when nothing writes to it";
        Error::input(self.source.path(), None, problem)
    }

    /// Fails if the file changed since it was opened: else its sequences are neither the old nor the new ones.
    fn check_unchanged(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|e| Error::io("read", self.source.path(), e))?;
        let is_same = now.len() == self.opened.len() && now.modified().ok() == self.opened.modified().ok();
        if is_same { Ok(()) } else { Err(self.changed()) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::genome::TwoBitWriter;

    /// All sequences of a file.
    fn read(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
        let source = Source::new(path);
        let mut input = TwoBitInput::open(&source)?;
        let mut all = Vec::new();
        while let Some(head) = input.next_record()? {
            let mut letters = Vec::new();
            while let Some(bases) = input.next_bases()? {
                letters.extend_from_slice(bases);
            }
            all.push((head.name, letters));
        }
        assert_eq!(Some(source.bytes_read()), source.bytes_total(), "all of the file was read");
        Ok(all)
    }

    fn write(path: &Path, sequences: &[(&str, &[u8])]) {
        let mut writer = TwoBitWriter::create(path).expect("created");
        for (name, letters) in sequences {
            writer.begin(name);
            writer.bases(letters).expect("written");
            writer.end().expect("written");
        }
        writer.finish().expect("written");
    }

    #[test]
    fn sequences_of_many_pieces_and_blocks_round_trip() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.2bit");
        let mut random = crate::random::Random::new(3);
        let mut long = random.bases(3 * PIECE as usize + 5);
        // More blocks than are read at a time, then one across two pieces.
        for block in long[..PIECE as usize].chunks_mut(20) {
            block[..2].make_ascii_lowercase();
            block[1] = b'n';
        }
        long[PIECE as usize * 2 - 100..PIECE as usize * 2 + 100].fill(b'N');
        let sequences: [(&str, &[u8]); 4] = [("long", &long), ("empty", b""), ("one", b"n"), ("last", b"ACGTNacgtn")];
        write(&path, &sequences);
        assert!(is_twobit(&Source::new(&path)));
        let expected: Vec<_> = sequences.iter().map(|(name, letters)| ((*name).to_owned(), letters.to_vec())).collect();
        assert!(read(&path).expect("sound") == expected);
    }

    #[test]
    fn damage_is_an_error_or_other_letters() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.2bit");
        write(&path, &[("c", b"NNACGTacgtnnACGT"), ("d", b"ACGTA")]);
        let whole = std::fs::read(&path).expect("written");
        let look = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            let mut input = TwoBitInput::open(&Source::new(&path))?;
            while input.next_record()?.is_some() {
                while input.next_bases()?.is_some() {}
            }
            Ok::<(), Error>(())
        };
        for length in 0..whole.len() {
            let problem = look(&whole[..length]).expect_err("it is not whole").to_string();
            assert!(problem.contains("byte ") && problem.contains("download it again"), "{length}: {problem}");
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Err(e) = look(&damaged) {
                assert_eq!(e.exit_code(), 3, "bit {bit}: {e}");
            }
        }
    }
}
