//! Bit-packed little-endian fields: pages and lists are packed to the bit, and every look-up reads some of them. A
//! field starts at any bit, its low bits first.

/// Zero bytes after packed bits, so that a field can be read with one load of eight bytes.
pub(crate) const PADDING: usize = 8;

/// Appends bit fields to a byte buffer.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    used: u32,
}

impl BitWriter {
    /// Appends to `bytes`.
    pub(crate) fn on(bytes: Vec<u8>) -> Self {
        Self { bytes, word: 0, used: 0 }
    }

    /// Appends the low `width` (0 to 64) bits of `value`; the bits above must be zero.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 64 && (width == 64 || value >> width == 0));
        self.word |= value << self.used;
        let total = self.used + width;
        if total >= 64 {
            self.bytes.extend_from_slice(&self.word.to_le_bytes());
            // A shift by 64 would be undefined: nothing is left over when the field ended with the word.
            self.word = if self.used == 0 { 0 } else { value >> (64 - self.used) };
            self.used = total - 64;
            if self.used == 0 {
                self.word = 0;
            }
        } else {
            self.used = total;
        }
    }

    /// Starts in the memory of `buffer`, which is emptied.
    pub(crate) fn reuse(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self::on(buffer)
    }

    /// Appends the first `bits` bits of `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8], bits: u64) {
        let mut at = 0;
        while at < bits {
            let width = (bits - at).min(64) as u32;
            self.push(read(bytes, at, width), width);
            at += u64::from(width);
        }
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// Pads to a whole byte and returns the buffer.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let tail = self.word.to_le_bytes();
        self.bytes.extend_from_slice(&tail[..self.used.div_ceil(8) as usize]);
        self.bytes
    }
}

/// Eight bytes at `at`, little-endian; bytes past the end read as zero.
#[inline(always)]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_tail(bytes, at),
    }
}

#[cold]
fn load_tail(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    if let Some(rest) = bytes.get(at..) {
        let length = rest.len().min(8);
        eight[..length].copy_from_slice(&rest[..length]);
    }
    u64::from_le_bytes(eight)
}

/// The field of `width` (0 to 64) bits that starts at bit `at`; bits past the end read as zero.
#[inline(always)]
pub(crate) fn read(bytes: &[u8], at: u64, width: u32) -> u64 {
    let byte = (at >> 3) as usize;
    let shift = (at & 7) as u32;
    let mut value = load(bytes, byte) >> shift;
    if shift + width > 64 {
        value |= load(bytes, byte + 8) << (64 - shift);
    }
    value & crate::kmer::low_mask(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_width_come_back() {
        for start in 0..9 {
            let mut writer = BitWriter::on(vec![0xFF; 3]);
            let mut expected = Vec::new();
            let mut at = 24;
            writer.push(0, start);
            at += u64::from(start);
            for round in 0..3u64 {
                for width in 0..=64 {
                    let value =
                        0x9E37_79B9_7F4A_7C15u64.wrapping_mul(round + u64::from(width)) & crate::kmer::low_mask(width);
                    writer.push(value, width);
                    expected.push((at, width, value));
                    at += u64::from(width);
                }
            }
            let bytes = writer.finish();
            assert_eq!(bytes.len() as u64, at.div_ceil(8));
            for (at, width, value) in expected {
                assert_eq!(read(&bytes, at, width), value, "{width} bits at {at}");
            }
            assert_eq!(read(&bytes, at + 1000, 64), 0);
        }
    }
}
