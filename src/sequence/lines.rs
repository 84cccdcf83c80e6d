//! Lists, regions and annotations are lines of text of any number; a line that is not text must not use all memory.

use std::io::{BufRead, BufReader, Read};

use memchr::memchr;

use crate::memory::{Budget, Component, Reservation};
use crate::sequence::input::BYTE_ORDER_MARK;
use crate::sequence::source::Source;
use crate::{Error, Result};

/// Maximum number of bytes of a line: a thousand times those of a row of k-mers, regions or features, and little in any
/// budget.
const MAX_LINE: usize = 1 << 20;
/// Bytes that are reserved for the first line.
const SHORT_LINE: usize = 1 << 12;

/// The lines of a text input, compressed or not, one at a time: memory does not grow with the file.
pub(crate) struct Lines {
    source: Source,
    reader: BufReader<Box<dyn Read + Send>>,
    number: u64,
    line: Vec<u8>,
    reservation: Reservation,
}

impl Lines {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub(crate) fn open(source: &Source, budget: &Budget) -> Result<Self> {
        Ok(Self::of(source.within(budget).open()?, source, budget))
    }

    /// The lines of what `reader` reads; errors name `source`.
    pub(crate) fn of(reader: Box<dyn Read + Send>, source: &Source, budget: &Budget) -> Self {
        let reader = BufReader::with_capacity(1 << 16, reader);
        let reservation = budget.empty_reservation(Component::Input);
        Self { source: source.clone(), reader, number: 0, line: Vec::new(), reservation }
    }

    /// The next line and its number, from 1; without the end of the line.
    ///
    /// # Errors
    /// [`Error::Input`] for a line of more than [`MAX_LINE`] bytes, for a carriage return within a line and for a
    /// compressed stream that is damaged; [`Error::Memory`]; [`Error::Io`].
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.number += 1;
        self.line.clear();
        let mut ended = false;
        while !ended {
            let buffer = self.reader.fill_buf().map_err(|e| self.source.read_error(self.number, e))?;
            if buffer.is_empty() {
                if self.line.is_empty() {
                    return Ok(None);
                }
                break;
            }
            let end = memchr(b'\n', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let length = self.line.len() + part.len();
            if length > MAX_LINE {
                let problem = format!("the line has more than {MAX_LINE} bytes; use a text file with one row a line");
                return Err(Error::input(self.source.path(), Some(self.number), problem));
            }
            if length > self.line.capacity() {
                let capacity = length.next_power_of_two().max(SHORT_LINE);
                self.reservation.grow((capacity - self.line.capacity()) as u64, "a line of the input")?;
                self.line.reserve_exact(capacity - self.line.len());
            }
            self.line.extend_from_slice(part);
            let read = part.len() + usize::from(end.is_some());
            self.reader.consume(read);
            ended = end.is_some();
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        while self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if memchr(b'\r', &self.line).is_some() {
            let problem = "there is a carriage return within the line; end lines as Unix does, by `tr '\\r' '\\n'`";
            return Err(Error::input(self.source.path(), Some(self.number), problem));
        }
        Ok(Some((self.number, &self.line)))
    }

    /// The items that `parse` returns for lines, without those for which it returns `None`. Its second argument turns a
    /// problem into an error that names the line.
    pub(crate) fn parsed<T>(
        mut self,
        mut parse: impl FnMut(&[u8], &dyn Fn(String) -> Error) -> Result<Option<T>>,
    ) -> impl Iterator<Item = Result<T>> {
        let path = self.source.path().to_owned();
        std::iter::from_fn(move || {
            loop {
                let (number, line) = match self.next() {
                    Ok(line) => line?,
                    Err(e) => return Some(Err(e)),
                };
                let in_line = |problem| Error::input(&path, Some(number), problem);
                if let Some(item) = parse(line, &in_line).transpose() {
                    return Some(item);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>)>> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let budget = Budget::new(4 << 20);
        let mut lines = Lines::open(&Source::new(file.path()), &budget)?;
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next()? {
            all.push((number, line.to_vec()));
        }
        drop(lines);
        assert_eq!(budget.used(), 0);
        Ok(all)
    }

    #[test]
    fn lines_have_numbers_and_no_ends() {
        let all = read(b"\xef\xbb\xbfa b\r\n\nlast").expect("lines");
        assert_eq!(all, [(1, b"a b".to_vec()), (2, Vec::new()), (3, b"last".to_vec())]);
        assert!(read(b"").expect("no line").is_empty());
        let long = vec![b'x'; MAX_LINE];
        assert_eq!(read(&[&long[..], b"\ny\n"].concat()).expect("lines")[0].1.len(), MAX_LINE);
    }

    #[test]
    fn lines_that_are_not_text_are_refused_with_their_number() {
        let long = [&b"a\n"[..], &vec![b'x'; MAX_LINE + 1], b"\n"].concat();
        for (bytes, message) in
            [(&long[..], "line 2: the line has more than 1048576 bytes"), (b"a\rb\n", "carriage return")]
        {
            let error = read(bytes).expect_err(message);
            assert!(matches!(error, Error::Input { .. }) && error.to_string().contains(message), "{error}");
        }
    }
}
