//! K-mers of the caller, as the letters of an array.

use reprise::Index;

use crate::errors::Failure;

/// K-mers in the memory of an array: rows of k letters each, or all windows of k letters of a sequence.
#[derive(Clone, Copy)]
pub struct Kmers<'a> {
    letters: &'a [u8],
    k: usize,
    /// Letters from the start of a k-mer to that of the next: k for rows, 1 for windows.
    step: usize,
    /// Number of the first of them in the array of the caller.
    first: usize,
}

/// What happens to k-mers with other letters than A, C, G and T.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OtherLetters {
    /// They are an error.
    Refuse,
    /// They occur 0 times.
    AreAbsent,
}

impl<'a> Kmers<'a> {
    /// Rows of `k` letters.
    pub fn rows(letters: &'a [u8], k: usize) -> Self {
        Self { letters, k, step: k, first: 0 }
    }

    /// All windows of `k` letters.
    pub fn windows(letters: &'a [u8], k: usize) -> Self {
        Self { letters, k, step: 1, first: 0 }
    }

    pub fn len(&self) -> usize {
        if self.letters.len() < self.k { 0 } else { (self.letters.len() - self.k) / self.step + 1 }
    }

    /// Whether they overlap, so that they are letters of one sequence.
    pub fn are_windows(&self) -> bool {
        self.step == 1
    }

    /// The sequence whose windows they are, or all rows.
    pub fn letters(&self) -> &'a [u8] {
        self.letters
    }

    pub fn get(&self, number: usize) -> &'a [u8] {
        &self.letters[number * self.step..][..self.k]
    }

    /// Some of them.
    pub fn part(&self, first: usize, count: usize) -> Self {
        let end = if count == 0 { first * self.step } else { (first + count - 1) * self.step + self.k };
        Self { letters: &self.letters[first * self.step..end], first: self.first + first, ..*self }
    }

    /// The code of k-mer `number`.
    ///
    /// # Errors
    /// [`Failure::Input`] for other letters than A, C, G and T.
    pub fn code(&self, index: &Index, number: usize) -> Result<u64, Failure> {
        let encoded = index.encode(self.get(number));
        encoded.map_err(|problem| Failure::Input(format!("kmers[{}]: {problem}", self.first + number)))
    }
}
