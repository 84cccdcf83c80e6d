//! How frequencies are coded: most k-mers have one of a few small frequencies, so an entry has a short code, and other
//! frequencies are in tables behind the entries.

/// Bytes of an overflow: the ordinal of its exception (u32), then its value (u64).
pub(super) const OVERFLOW_BYTES: usize = 12;
/// Bits of a code: one load of eight bytes reads it, wherever it begins.
pub(super) const MAX_CODE_BITS: u32 = 16;
/// Bits of an exception. Frequencies of more bits than that are too rare to make all exceptions wider.
pub(super) const MAX_EXCEPTION_BITS: u32 = 32;

/// Remainder bits below which entries are called narrow: positions then take most of the index.
const NARROW_REMAINDER_BITS: u32 = 24;
/// Bits that keeping a frequency out of the exceptions is worth if entries are narrow: about as many as an entry has.
const NARROW_EXCEPTION_COST: u64 = 24;

/// How many bits the frequencies of a page take, and how they are divided into codes, exceptions and overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrequencyCode {
    pub(super) code_bits: u32,
    pub(super) exception_bits: u32,
}

impl FrequencyCode {
    /// The cheapest code for a histogram over the bit length of `frequency - min_frequency + 1`, and its bits in all.
    ///
    /// A value v is written in its entry if v + 1 has at most `code_bits` bits (the code of all ones is the escape),
    /// else in the exceptions if it has at most `exception_bits`, else in the overflows.
    ///
    /// `exception_cost` is how many bits it is worth to keep a frequency out of the exceptions, because finding one
    /// there takes a walk over its neighbours.
    pub(crate) fn cheapest(by_bit_length: &[u64; 65], exception_cost: u64) -> (Self, u64) {
        let total: u64 = by_bit_length.iter().sum();
        let mut best = (Self { code_bits: 1, exception_bits: 1 }, u64::MAX);
        let mut lowest_cost = u64::MAX;
        let mut inline = 0;
        for code_bits in 1..=MAX_CODE_BITS {
            inline += by_bit_length[code_bits as usize];
            let exceptions = total - inline;
            let mut short = 0;
            for exception_bits in 1..=MAX_EXCEPTION_BITS {
                if exception_bits > code_bits {
                    short += by_bit_length[exception_bits as usize];
                }
                let overflows = exceptions - short;
                let bits = total * u64::from(code_bits)
                    + exceptions * u64::from(exception_bits)
                    + overflows * 8 * OVERFLOW_BYTES as u64;
                let cost = bits + exceptions * exception_cost;
                if cost < lowest_cost {
                    lowest_cost = cost;
                    best = (Self { code_bits, exception_bits }, bits);
                }
                if overflows == 0 {
                    break;
                }
            }
            if exceptions == 0 {
                break;
            }
        }
        best
    }
}

/// Bits that keeping a frequency out of the exceptions is worth: if entries are narrow anyway, one bit more in each is
/// little compared with the positions.
pub(crate) fn exception_cost(remainder_bits: u32) -> u64 {
    if remainder_bits < NARROW_REMAINDER_BITS { NARROW_EXCEPTION_COST } else { 0 }
}

/// Bit length of v + 1 for v = `frequency - min_frequency`: the class by which frequencies are coded.
#[inline(always)]
pub(crate) fn frequency_class(frequency: u64, min_frequency: u64) -> usize {
    (u64::BITS - (frequency - min_frequency + 1).leading_zeros()) as usize
}
