//! The frequencies of a batch while they are found. They are found in the order of pages, so each is written elsewhere
//! in memory: with a byte for each, most of these writes stay in the caches of a core.

use crate::memory::buffers::Buffer;

/// Frequencies by number in the batch.
#[derive(Default)]
pub(crate) struct BatchFrequencies {
    /// As much of each frequency as fits a byte.
    short: Buffer<u8>,
    /// The rest: (amount, number).
    long: Buffer<(u64, u32)>,
}

impl BatchFrequencies {
    /// All zero, for numbers below `count`.
    pub(crate) fn clear(&mut self, count: usize) {
        self.long.clear();
        self.short.refit(count);
        self.short.resize(count, 0);
    }

    /// Adds to a frequency.
    #[inline(always)]
    pub(crate) fn add(&mut self, number: u32, amount: u64) {
        let short = &mut self.short[number as usize];
        match u8::try_from(amount).ok().and_then(|amount| short.checked_add(amount)) {
            Some(sum) => *short = sum,
            None => self.add_long(number, amount),
        }
    }

    #[cold]
    fn add_long(&mut self, number: u32, amount: u64) {
        self.long.push((amount, number));
    }

    /// Sets a frequency to which nothing was added.
    #[inline(always)]
    pub(crate) fn set_short(&mut self, number: u32, frequency: u8) {
        self.short[number as usize] = frequency;
    }

    /// Writes the frequencies by number.
    pub(crate) fn write(&self, out: &mut [u64]) {
        for (out, &short) in out.iter_mut().zip(self.short.iter()) {
            *out = short.into();
        }
        for &(amount, number) in self.long.iter() {
            out[number as usize] = out[number as usize].saturating_add(amount);
        }
    }

    /// Bytes of memory, by capacity.
    pub(crate) fn bytes(&self) -> usize {
        self.short.capacity() + self.long.capacity() * size_of::<(u64, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn sums_of_any_size_are_exact() {
        let mut random = Random::new(8);
        let mut found = BatchFrequencies::default();
        for count in [0usize, 1, 1000, 10] {
            let mut expected = vec![0u64; count];
            found.clear(count);
            for _ in 0..5 * count {
                let number = random.below(count);
                let amount = [1, 100, 254, 255, 256, 1 << 40][random.below(6)];
                expected[number] += amount;
                found.add(number as u32, amount);
            }
            let mut out = vec![7; count];
            found.write(&mut out);
            assert_eq!(out, expected);
        }
    }
}
