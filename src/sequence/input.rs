//! Formats are detected by several bytes, and a pipe may return one at a time: `BufRead` alone cannot look that far
//! ahead.

use std::io::{self, BufRead, Read};

/// The start of UTF-8 text of Windows programs.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A buffered reader that can look at several of the next bytes, however few the system returns at a time.
pub(crate) struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R, capacity: usize) -> Self {
        Self { inner, buffer: vec![0; capacity].into(), start: 0, end: 0 }
    }

    /// The next bytes, without consuming them: `count` (at most the capacity) or more, fewer only at the end of the
    /// input.
    pub(crate) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.start + count > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < count {
            match self.inner.read(&mut self.buffer[self.end..])? {
                0 => break,
                read => self.end += read,
            }
        }
        Ok(self.buffered())
    }

    /// The bytes that were read and not consumed.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, self.inner.read(&mut self.buffer)?);
        }
        Ok(self.buffered())
    }

    fn consume(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(1);
            self.0.read(&mut out[..count])
        }
    }

    #[test]
    fn peeked_bytes_stay() {
        let mut input = Input::new(Drops(b"ACGTTGCA"), 4);
        assert_eq!(input.peek(3).expect("memory"), b"ACG");
        input.consume(2);
        assert_eq!(input.peek(4).expect("memory"), b"GTTG");
        assert_eq!(input.fill_buf().expect("memory"), b"GTTG");
        input.consume(3);
        assert_eq!(input.peek(4).expect("memory"), b"GCA", "the input ends");
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).expect("memory");
        assert_eq!(rest, b"GCA");
        assert!(input.peek(1).expect("memory").is_empty());
    }
}
