//! Division by a constant: every look-up divides to find its page, and a division takes longer than the rest of its
//! arithmetic.

/// Division by a constant as one multiplication, exact for numbers and divisors below 2^32: with m = floor((2^64 - 1) /
/// d), floor(n / d) = floor((n + 1) m / 2^64) (A. Robison, "N-bit unsigned division via N-bit multiply-add", 2005).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Divisor(u64);

impl Divisor {
    pub(crate) fn new(divisor: u64) -> Self {
        debug_assert!(divisor >> 32 == 0);
        Self(u64::MAX / divisor)
    }

    #[inline(always)]
    pub(crate) fn quotient(self, n: u64) -> u64 {
        ((u128::from(n + 1) * u128::from(self.0)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact() {
        for divisor in (1..2000).chain([(1 << 31) + 1, u64::from(u32::MAX)]) {
            let d = Divisor::new(divisor);
            for n in
                (0..3000).chain([1 << 31, (1 << 31) / divisor * divisor, u64::from(u32::MAX) - 1, u64::from(u32::MAX)])
            {
                assert_eq!(d.quotient(n), n / divisor, "{n} / {divisor}");
            }
        }
    }
}
