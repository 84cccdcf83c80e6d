//! Genomes are published compressed, in several codecs and often as many concatenated streams. All are decoded in
//! memory that the budget knows of.
//!
//! A file is a sequence of streams of one codec, with nothing but zeros between and after them.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::input::Input;

/// Input of a decoder.
pub(crate) type Raw = Input<Box<dyn Read + Send>>;

/// A compression codec, detected by the first bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// Bytes of the start of a stream that [`Compression::of`] and [`Compression::memory`] need at most: the headers of an
/// xz stream and of its first block.
pub(crate) const STREAM_START: usize = 12 + 1024;

/// Memory of a decoder besides its window (bytes): an upper bound for the tables and buffers of libzstd and liblzma.
const DECODER: u64 = 1 << 20;
/// Memory of a bzip2 decoder by its manual, 4 bytes for each byte of a block (bytes for each of its nine sizes of
/// 100,000).
const BZIP2_BLOCK: u64 = 400_000;

impl Compression {
    /// All codecs that are read.
    pub(crate) const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Bzip2, Self::Xz];

    /// The codec of a stream with this start. A zstd file may begin with a skippable frame (RFC 8878, 3.1.2), as
    /// pzstd's do.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, ..] => {
                Some(Self::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Bytes of memory of a decoder for a stream with this start.
    fn memory(self, start: &[u8]) -> u64 {
        match self {
            // A window of 32 KiB; the buffers of the input cover it.
            Self::Gzip => 0,
            Self::Zstd => zstd_window(start).map_or(0, |window| window.saturating_add(DECODER)),
            Self::Bzip2 => DECODER + BZIP2_BLOCK * start.get(3).map_or(9, |level| u64::from(level - b'0')),
            Self::Xz => DECODER + xz_dictionary(start).unwrap_or(0),
        }
    }

    fn decoder(self, input: Raw, memory: u64) -> io::Result<Decoder> {
        Ok(match self {
            Self::Gzip => Decoder::Gzip(flate2::bufread::GzDecoder::new(input)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(input)?.single_frame();
                // The largest: the memory of a frame was reserved.
                decoder.window_log_max(31)?;
                Decoder::Zstd(decoder)
            }
            Self::Bzip2 => Decoder::Bzip2(bzip2::bufread::BzDecoder::new(input)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(memory, 0)?;
                Decoder::Xz(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
        })
    }
}

/// Window of a zstd frame in bytes (RFC 8878, 3.1.1.1); `None` for a skippable frame.
fn zstd_window(start: &[u8]) -> Option<u64> {
    let &[0x28, 0xb5, 0x2f, 0xfd, descriptor, ref rest @ ..] = start else { return None };
    if descriptor & 0x20 == 0 {
        let window = u64::from(*rest.first()?);
        let base = 1 << (10 + (window >> 3));
        return Some(base + (base >> 3) * (window & 7));
    }
    // A single segment: the window is the content.
    let dictionary_id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let bytes = 1 << (descriptor >> 6);
    let size = rest.get(dictionary_id..dictionary_id + bytes)?;
    let size = size.iter().rev().fold(0, |size, &byte| size << 8 | u64::from(byte));
    Some(if bytes == 2 { size + 256 } else { size })
}

/// Dictionary of the first block of an xz stream in bytes (The .xz File Format 1.2.1, 3.1 and 5.3.1).
fn xz_dictionary(start: &[u8]) -> Option<u64> {
    let block = start.get(12..)?;
    // The header has four bytes times one more than its first byte; 0 is the index of an empty stream.
    let header = block.get(..4 * (usize::from(*block.first().filter(|&&size| size > 0)?) + 1))?;
    // The filter of every stream of text: LZMA2 with one byte of properties.
    let at = header.windows(2).position(|pair| pair == [0x21, 1])?;
    match header.get(at + 2)? {
        40 => Some(u64::from(u32::MAX)),
        &bits @ ..40 => Some(u64::from(2 | bits & 1) << (bits / 2 + 11)),
        _ => None,
    }
}

/// The decoder of the current stream, by codec.
enum Decoder {
    Gzip(flate2::bufread::GzDecoder<Raw>),
    Zstd(zstd::Decoder<'static, Raw>),
    Bzip2(bzip2::bufread::BzDecoder<Raw>),
    Xz(liblzma::bufread::XzDecoder<Raw>),
}

impl Decoder {
    fn into_inner(self) -> Raw {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(out),
            Self::Zstd(decoder) => decoder.read(out),
            Self::Bzip2(decoder) => decoder.read(out),
            Self::Xz(decoder) => decoder.read(out),
        }
    }
}

/// The decoded bytes of compressed streams. Errors other than damage of a stream are an [`Error`] inside that of `io`.
pub(crate) struct Decompressed {
    codec: Compression,
    /// `None` after the last stream.
    decoder: Option<Decoder>,
    path: PathBuf,
    /// Bytes read of the compressed file.
    read: Arc<AtomicU64>,
    reservation: Option<Reservation>,
}

impl Decompressed {
    /// The streams of `codec` in `input`; the memory of decoders is reserved from `budget`.
    pub(crate) fn new(
        codec: Compression,
        input: Raw,
        path: PathBuf,
        read: Arc<AtomicU64>,
        budget: Option<&Budget>,
    ) -> io::Result<Self> {
        let reservation = budget.map(|budget| budget.empty_reservation(Component::Input));
        let mut streams = Self { codec, decoder: None, path, read, reservation };
        streams.begin(input)?;
        Ok(streams)
    }

    /// Begins the stream at the start of `input`.
    fn begin(&mut self, mut input: Raw) -> io::Result<()> {
        let memory = self.codec.memory(input.peek(STREAM_START)?);
        if let Some(reservation) = &mut self.reservation
            && reservation.bytes() < memory
        {
            let more = memory - reservation.bytes();
            reservation.grow(more, "decompressing the input").map_err(io::Error::other)?;
        }
        self.decoder = Some(self.codec.decoder(input, memory)?);
        Ok(())
    }

    /// Begins the next stream, if there is one, after any zeros: tapes and some mirrors fill blocks with them.
    fn next_stream(&mut self, mut input: Raw) -> io::Result<()> {
        loop {
            let start = input.peek(STREAM_START)?;
            if start.is_empty() {
                return Ok(());
            }
            let zeros = start.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                if Compression::of(start) == Some(self.codec) {
                    return self.begin(input);
                }
                break;
            }
            input.consume(zeros);
        }
        let at = self.read.load(Ordering::Relaxed) - input.buffered().len() as u64;
        let name = self.codec.name();
        let problem = format!(
            "trailing bytes follow the last {name} stream, from byte {at} on, and are no {name}; if they do not belong \
             there, `head -c {at}` extracts the file without them, else copy or download it again"
        );
        Err(io::Error::other(Error::input(&self.path, None, problem)))
    }
}

impl Read for Decompressed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while let Some(decoder) = &mut self.decoder {
            let count = decoder.read(out)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(ended) = self.decoder.take() {
                self.next_stream(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn windows_of_zstd_frames() {
        let text = b"ACGT".repeat(100_000);
        for log in [10, 17, 27] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("into memory");
            encoder.window_log(log).expect("allowed");
            encoder.write_all(&text).expect("into memory");
            assert_eq!(zstd_window(&encoder.finish().expect("into memory")), Some(1 << log));
        }
        // Frames whose window is their content, with a size of one, two and four bytes.
        for length in [9, 300, 100_000] {
            let frame = zstd::bulk::compress(&text[..length], 3).expect("into memory");
            assert_eq!(zstd_window(&frame), Some(length as u64));
            assert_eq!(zstd_window(&frame[..5]), None);
        }
        assert_eq!(zstd_window(b"\x50\x2a\x4d\x18\x04\0\0\0"), None);
    }

    #[test]
    fn dictionaries_of_xz_streams() {
        for (level, megabytes) in [(1, 1), (2, 2), (6, 8), (9, 64)] {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), level);
            encoder.write_all(b"ACGT").expect("into memory");
            let stream = encoder.finish().expect("into memory");
            assert_eq!(xz_dictionary(&stream), Some(megabytes << 20));
            assert_eq!(xz_dictionary(&stream[..14]), None);
        }
        let empty = liblzma::write::XzEncoder::new(Vec::new(), 6).finish().expect("into memory");
        assert_eq!((Compression::of(&empty), xz_dictionary(&empty)), (Some(Compression::Xz), None));
    }
}
