//! How the positions of one k-mer are coded: they are most of an index, so their code decides its size.
//!
//! A position is twice the global base offset of the k-mer's first base, plus one if the k-mer reads there on the
//! reverse of its stored strand. A list of m ascending positions is coded either as m fixed fields or, if that is
//! shorter, by Elias and Fano's code (P. Elias, J. ACM 21, 1974; R. Fano, MIT 1971): the low l bits of each position,
//! then a unary coded sequence of the high parts. Both lengths depend on m alone, so the offset of a list in its block
//! follows from the frequencies of the k-mers before it, and no pointer is stored.

use crate::format::bits;
use crate::format::bits::BitWriter;

/// Lengths of lists whose shape is computed in advance: nearly all lists are shorter.
const PRECOMPUTED: usize = 64;

/// The code of position lists in one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListCode {
    /// Positions are below this.
    universe: u64,
    /// Bits of one fixed field.
    width: u32,
    /// How lists of m positions are coded, for small m: computing it takes a division.
    short: [ListShape; PRECOMPUTED],
}

/// How a list is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ListShape {
    /// Bits of the low part of a position, or of a whole one.
    low: u32,
    /// Bits of the unary part; none if positions are fixed fields.
    unary: u64,
    /// Bits in all.
    bits: u64,
}

impl ListCode {
    /// For a genome of `bases` bases.
    pub(crate) fn new(bases: u64) -> Self {
        let universe = bases.max(1) * 2;
        let width = u64::BITS - (universe - 1).leading_zeros();
        let short = std::array::from_fn(|m| ListShape::new(universe, width, m as u64));
        Self { universe, width, short }
    }

    /// Positions are below this.
    pub(crate) fn universe(&self) -> u64 {
        self.universe
    }

    /// Bits of one position written as it is.
    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    #[inline(always)]
    fn shape(&self, m: u64) -> ListShape {
        match self.short.get(m as usize) {
            Some(&shape) => shape,
            None if m > self.universe => ListShape { low: 0, unary: 0, bits: u64::MAX },
            None => ListShape::new(self.universe, self.width, m),
        }
    }

    /// Bits of a list of m positions; [`u64::MAX`] if there cannot be as many.
    #[inline(always)]
    pub(crate) fn bits(&self, m: u64) -> u64 {
        self.shape(m).bits
    }

    /// Appends a list of `m` ascending positions.
    pub(crate) fn write(&self, m: u64, positions: impl Iterator<Item = u64> + Clone, out: &mut BitWriter) {
        let ListShape { low, unary, .. } = self.shape(m);
        if unary == 0 {
            for position in positions {
                out.push(position, self.width);
            }
            return;
        }
        let mask = crate::kmer::low_mask(low);
        for position in positions.clone() {
            out.push(position & mask, low);
        }
        let mut written = 0;
        for (i, position) in positions.enumerate() {
            let one_at = (position >> low) + i as u64;
            let mut zeros = one_at - written;
            while zeros > 63 {
                out.push(0, 63);
                zeros -= 63;
            }
            out.push(1 << zeros, zeros as u32 + 1);
            written = one_at + 1;
        }
        while written < unary {
            let zeros = (unary - written).min(64);
            out.push(0, zeros as u32);
            written += zeros;
        }
    }

    /// Calls `each` for the m positions of the list that starts at bit `at`, ascending. A damaged list ends early, and
    /// one that would end past the bytes is empty.
    pub(crate) fn read(&self, bytes: &[u8], at: u64, m: u64, mut each: impl FnMut(u64)) {
        self.read_while(bytes, at, m, |position| {
            each(position);
            true
        });
    }

    /// As [`read`](Self::read), until `each` returns false.
    pub(crate) fn read_while(&self, bytes: &[u8], at: u64, m: u64, mut each: impl FnMut(u64) -> bool) {
        let ListShape { low, unary, bits } = self.shape(m);
        if at.saturating_add(bits) > bytes.len() as u64 * 8 {
            return;
        }
        if unary == 0 {
            for i in 0..m {
                if !each(bits::read(bytes, at + i * u64::from(self.width), self.width)) {
                    return;
                }
            }
            return;
        }
        let ones_at = at + m * u64::from(low);
        let (mut i, mut base) = (0, 0);
        while base < unary && i < m {
            let width = (unary - base).min(56) as u32;
            let mut word = bits::read(bytes, ones_at + base, width);
            while word != 0 && i < m {
                let one_at = base + u64::from(word.trailing_zeros());
                let high = one_at - i;
                if !each(high << low | bits::read(bytes, at + i * u64::from(low), low)) {
                    return;
                }
                i += 1;
                word &= word - 1;
            }
            base += u64::from(width);
        }
    }
}

impl ListShape {
    fn new(universe: u64, width: u32, m: u64) -> Self {
        let fixed = Self { low: width, unary: 0, bits: m * u64::from(width) };
        if m < 2 {
            return fixed;
        }
        let low = (universe / m).max(1).ilog2();
        let unary = m + (universe >> low) + 1;
        let bits = m * u64::from(low) + unary;
        if bits < fixed.bits { Self { low, unary, bits } } else { fixed }
    }
}

/// Whether positions ascend and lie in the genome, as they are read.
#[derive(Debug)]
pub(crate) struct Ascending {
    universe: u64,
    next: u64,
    seen: u64,
    sound: bool,
}

impl Ascending {
    /// For positions below `universe`.
    pub(crate) fn below(universe: u64) -> Self {
        Self { universe, next: 0, seen: 0, sound: true }
    }

    /// Whether `position` and all before it are in order.
    #[inline(always)]
    pub(crate) fn take(&mut self, position: u64) -> bool {
        self.sound &= (position >= self.next) & (position < self.universe);
        self.next = position.wrapping_add(1);
        self.seen += 1;
        self.sound
    }

    /// How many there were.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether there were `count`, all in order.
    #[inline(always)]
    pub(crate) fn is_whole(&self, count: u64) -> bool {
        self.sound && self.seen == count
    }
}

/// How many of `frequency` positions are stored under a limit of `max_positions`.
#[inline(always)]
pub(crate) fn stored_positions(frequency: u64, max_positions: Option<u64>) -> u64 {
    match max_positions {
        Some(limit) => frequency.min(limit),
        None => frequency,
    }
}

/// Which of `frequency` positions is the i-th of an even sample of m.
#[inline]
pub(crate) fn sampled(i: u64, m: u64, frequency: u64) -> u64 {
    (u128::from(i) * u128::from(frequency) / u128::from(m)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_length_come_back() {
        for bases in [1u64, 2, 3, 100, 4097, 1 << 20, (1 << 33) + 5] {
            let code = ListCode::new(bases);
            let mut writer = BitWriter::on(Vec::new());
            writer.push(1, 3);
            let mut lists = Vec::new();
            let mut at = 3;
            for m in (0..70).chain([127, 500, 5000]) {
                if m > 2 * bases {
                    break;
                }
                // Spread, and clustered at either end.
                let spread: Vec<u64> = (0..m).map(|i| sampled(i, m.max(1), 2 * bases)).collect();
                let low: Vec<u64> = (0..m).collect();
                let high: Vec<u64> = (0..m).map(|i| 2 * bases - m + i).collect();
                for list in [spread, low, high] {
                    code.write(m, list.iter().copied(), &mut writer);
                    lists.push((at, list));
                    at += code.bits(m);
                }
            }
            let bytes = writer.finish();
            assert_eq!(bytes.len() as u64, at.div_ceil(8));
            for (at, list) in lists {
                let mut read = Vec::new();
                code.read(&bytes, at, list.len() as u64, |p| read.push(p));
                assert_eq!(read, list, "{} of {bases}", list.len());
            }
        }
    }

    #[test]
    fn long_lists_are_shorter_than_fixed_fields() {
        let code = ListCode::new(100_000_000);
        assert_eq!(code.width(), 28);
        assert_eq!(code.bits(1), 28);
        assert!(code.bits(1000) < 1000 * 21);
    }

    #[test]
    fn a_sample_is_even_and_starts_at_the_first() {
        let taken: Vec<u64> = (0..4).map(|i| sampled(i, 4, 10)).collect();
        assert_eq!(taken, [0, 2, 5, 7]);
        assert_eq!(stored_positions(10, Some(4)), 4);
        assert_eq!(stored_positions(3, Some(4)), 3);
    }
}
