//! Position blocks: most look-ups need frequencies alone, so positions lie in a file of their own. Block p of
//! `positions.blk` has the position lists of the k-mers of page p, in their order.

use std::borrow::Cow;
use std::sync::Arc;

use crate::format::bits::PADDING;
use crate::format::{ChecksumKind, Identity, bits};

/// First bytes of `positions.blk`.
pub(crate) const MAGIC: [u8; 8] = *b"\x89RPRBLK\n";
/// Bytes before the first block.
pub(crate) const FILE_HEADER: u64 = 16;
/// Bytes of a block before its payload.
pub(crate) const BLOCK_HEADER: usize = 40;

// Byte offsets of the fields of a block's header, which begins with the checksum.
const AT_BLOCK: usize = 8;
const AT_STORED: usize = 16;
const AT_PLAIN: usize = 24;
const AT_CODEC: usize = 32;

/// Payload without compression, with zero bytes after it so that it is read in place.
const PLAIN: u8 = 0;
/// Payload as one LZ4 block (lz4 block format, no frame).
const LZ4: u8 = 1;

/// Bytes of a payload from which LZ4 is tried, first on a piece of this length from its middle: shorter ones save
/// little.
const MIN_LZ4: usize = 4096;

/// Header of the positions file.
pub(crate) fn file_header() -> [u8; FILE_HEADER as usize] {
    let mut header = [0; FILE_HEADER as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&super::FORMAT_VERSION.to_le_bytes());
    header
}

/// Starts a block in the memory of `buffer`: space for its header, behind which the caller appends the payload.
pub(crate) fn start(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer.resize(BLOCK_HEADER, 0);
    buffer
}

/// Frames the payload behind [`start`]'s header as block `block`; LZ4 is used if it saves at least a tenth.
pub(crate) fn finish(identity: Identity, block: u64, mut out: Vec<u8>) -> Vec<u8> {
    let payload = &out[BLOCK_HEADER..];
    let plain = payload.len();
    let saves = |from: usize, to: usize| to < from - from / 10;
    let compressed = (plain >= MIN_LZ4)
        .then(|| {
            let middle = (plain - MIN_LZ4) / 2;
            let piece = &payload[middle..middle + MIN_LZ4];
            saves(piece.len(), lz4_flex::block::compress(piece).len()).then(|| lz4_flex::block::compress(payload))
        })
        .flatten()
        .filter(|c| saves(plain, c.len()));
    let codec = if let Some(compressed) = compressed {
        out.truncate(BLOCK_HEADER);
        out.extend_from_slice(&compressed);
        LZ4
    } else {
        PLAIN
    };
    let stored = out.len() - BLOCK_HEADER;
    out.resize((out.len() + PADDING).next_multiple_of(8), 0);
    out[AT_BLOCK..AT_BLOCK + 8].copy_from_slice(&block.to_le_bytes());
    out[AT_STORED..AT_STORED + 8].copy_from_slice(&(stored as u64).to_le_bytes());
    out[AT_PLAIN..AT_PLAIN + 8].copy_from_slice(&(plain as u64).to_le_bytes());
    out[AT_CODEC] = codec;
    let sum = identity.checksum(&out[8..], ChecksumKind::Block, block);
    out[..8].copy_from_slice(&sum.to_le_bytes());
    out
}

/// The payload of a position block.
pub(crate) enum Payload<'a> {
    /// In the mapped file.
    Mapped(&'a [u8]),
    /// Unpacked.
    Unpacked(Arc<Vec<u8>>),
}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Payload<'_> {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Unpacked(bytes) => bytes,
        }
    }
}

/// The payload of block `block`, from exactly its bytes; in place unless it is compressed, and then of at most `max`
/// bytes.
///
/// # Errors
/// A sentence on what does not fit. The checksum is checked if the index is given.
pub(crate) fn decode(bytes: &[u8], block: u64, check: Option<Identity>, max: u64) -> Result<Cow<'_, [u8]>, String> {
    let Some((header, rest)) = bytes.split_at_checked(BLOCK_HEADER) else {
        return Err(format!("position block {block} is cut short"));
    };
    if check.is_some_and(|identity| identity.checksum(&bytes[8..], ChecksumKind::Block, block) != bits::load(bytes, 0))
    {
        return Err(format!("position block {block} has a wrong checksum"));
    }
    let stored = bits::load(header, AT_STORED);
    let plain = bits::load(header, AT_PLAIN);
    let inconsistent = || format!("position block {block} contradicts itself");
    if bits::load(header, AT_BLOCK) != block || stored.saturating_add(PADDING as u64) > rest.len() as u64 {
        return Err(inconsistent());
    }
    match header[AT_CODEC] {
        PLAIN if stored == plain => Ok(Cow::Borrowed(rest)),
        // LZ4 expands a byte to at most 255: a forged length cannot cause a larger allocation.
        LZ4 if plain / 255 <= stored && plain > max => {
            Err(format!("position block {block} unpacks to {plain} bytes, more than the memory budget allows"))
        }
        LZ4 if plain / 255 <= stored => {
            let mut out = vec![0; plain as usize + PADDING];
            match lz4_flex::block::decompress_into(&rest[..stored as usize], &mut out[..plain as usize]) {
                Ok(length) if length as u64 == plain => Ok(Cow::Owned(out)),
                _ => Err(format!("position block {block} does not decompress")),
            }
        }
        _ => Err(inconsistent()),
    }
}

/// Unpacks a block whose checksum is made right, and reads a list from it.
#[cfg(fuzzing)]
pub(crate) fn probe_forged(mut bytes: Vec<u8>, bases: u64, at: u64, positions: u64) {
    use super::positions::{Ascending, ListCode};
    if bytes.len() >= BLOCK_HEADER {
        let sum = Identity::TEST.checksum(&bytes[8..], ChecksumKind::Block, 7);
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
    }
    let Ok(payload) = decode(&bytes, 7, Some(Identity::TEST), 1 << 24) else { return };
    let lists = ListCode::new(bases);
    let mut list = Ascending::below(lists.universe());
    if at.saturating_add(lists.bits(positions)) <= payload.len() as u64 * 8 {
        lists.read(&payload, at, positions, |position| {
            list.take(position);
        });
    }
    let _ = list.is_whole(positions);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_only_what_compresses_is_compressed() {
        let mut state = 1u64;
        let random: Vec<u8> = (0..20_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as u8
            })
            .collect();
        let even = vec![0x55; 20_000];
        for (payload, codec) in [(&random[..], PLAIN), (&even[..], LZ4), (&even[..100], PLAIN), (&[][..], PLAIN)] {
            let mut bytes = start(vec![9; 3]);
            bytes.extend_from_slice(payload);
            let bytes = finish(Identity::TEST, 7, bytes);
            assert_eq!(bytes[AT_CODEC], codec);
            assert_eq!(bytes.len() % 8, 0);
            let decoded = decode(&bytes, 7, Some(Identity::TEST), u64::MAX).expect("sound");
            assert_eq!(&decoded[..payload.len()], payload);
            assert!(decoded[payload.len()..].iter().all(|&b| b == 0));
            assert!(decode(&bytes, 8, Some(Identity::TEST), u64::MAX).is_err());
            assert_eq!(decode(&bytes, 7, None, payload.len() as u64 / 2).is_err(), codec == LZ4);
            for at in (0..bytes.len()).step_by(if bytes.len() > 1000 { 101 } else { 1 }) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 4;
                assert!(decode(&damaged, 7, Some(Identity::TEST), u64::MAX).is_err());
                let _ = decode(&damaged, 7, None, u64::MAX);
                assert!(decode(&bytes[..at], 7, Some(Identity::TEST), u64::MAX).is_err());
            }
        }
    }
}
