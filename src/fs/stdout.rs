//! Standard output, with two faults of the standard library corrected: it hides that standard output is closed, and it
//! passes control characters of names to a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use crate::text::printable;
use crate::{Error, Result};

/// Whether standard output was closed when the program was started.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Makes every later write to standard output an error.
pub(crate) fn close_stdout() {
    CLOSED.store(true, Ordering::Relaxed);
}

/// Standard output; if it is a terminal, control characters are escaped.
///
/// # Errors
/// [`Error::Stdout`] if it is closed or open for reading only: the standard library would drop the bytes silently.
pub(crate) fn stdout() -> Result<Box<dyn Write + Send>> {
    let out = io::stdout();
    let is_writable = || rustix::fs::fcntl_getfl(&out).is_ok_and(|flags| !(flags & OFlags::RWMODE).is_empty());
    if CLOSED.load(Ordering::Relaxed) || !is_writable() {
        return Err(Error::Stdout(rustix::io::Errno::BADF.into()));
    }
    Ok(if out.is_terminal() { Box::new(Terminal { out, partial: Vec::new() }) } else { Box::new(out) })
}

/// Writes a text to standard output.
///
/// # Errors
/// [`Error::Stdout`].
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = stdout()?;
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)
}

/// A terminal, which would execute control characters in names.
struct Terminal<W> {
    out: W,
    /// The first bytes of a UTF-8 character whose other bytes were not written yet.
    partial: Vec<u8>,
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            // No error length: the character is incomplete, not invalid.
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            _ => self.partial.len(),
        };
        let text = String::from_utf8_lossy(&self.partial[..whole]);
        self.out.write_all(printable(&text, &['\n', '\t']).as_bytes())?;
        self.partial.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_letters_alone() {
        let text = "a\u{1b}[2J\té\u{202e}\n".as_bytes();
        for size in 1..text.len() {
            let mut terminal = Terminal { out: Vec::new(), partial: Vec::new() };
            text.chunks(size).for_each(|part| terminal.write_all(part).expect("into memory"));
            assert_eq!(terminal.out, "a\\u{1b}[2J\té\\u{202e}\n".as_bytes(), "pieces of {size}");
        }
        let mut terminal = Terminal { out: Vec::new(), partial: Vec::new() };
        terminal.write_all(b"\xffa\x9b").expect("into memory");
        assert_eq!(terminal.out, "\u{fffd}a\u{fffd}".as_bytes());
    }
}
