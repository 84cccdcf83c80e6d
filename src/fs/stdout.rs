use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use crate::text::printable;
use crate::{Error, Result};

/// Whether standard output was closed when the program was started.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// From now on writing to standard output is an error.
pub(crate) fn close_stdout() {
    CLOSED.store(true, Ordering::Relaxed);
}

/// Standard output: bytes as they are, but for a terminal only what it shows.
///
/// # Errors
/// [`Error::Stdout`] if it is closed or open for reading only; the standard library would lose what is written there.
pub(crate) fn stdout() -> Result<Box<dyn Write + Send>> {
    let out = io::stdout();
    let is_writable = || rustix::fs::fcntl_getfl(&out).is_ok_and(|flags| !(flags & OFlags::RWMODE).is_empty());
    if CLOSED.load(Ordering::Relaxed) || !is_writable() {
        return Err(Error::Stdout(rustix::io::Errno::BADF.into()));
    }
    Ok(if out.is_terminal() { Box::new(Terminal { out, cut: Vec::new() }) } else { Box::new(out) })
}

/// Writes a text to standard output.
///
/// # Errors
/// [`Error::Stdout`].
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = stdout()?;
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Stdout)
}

/// A terminal, which would act on some letters of names.
struct Terminal<W> {
    out: W,
    /// The beginning of a letter of which the rest has not come yet.
    cut: Vec<u8>,
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.cut.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.cut) {
            // Without a length, the letter is not wrong but cut.
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            _ => self.cut.len(),
        };
        let text = String::from_utf8_lossy(&self.cut[..whole]);
        self.out.write_all(printable(&text, &['\n', '\t']).as_bytes())?;
        self.cut.drain(..whole);
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
            let mut terminal = Terminal { out: Vec::new(), cut: Vec::new() };
            text.chunks(size).for_each(|part| terminal.write_all(part).expect("into memory"));
            assert_eq!(terminal.out, "a\\u{1b}[2J\té\\u{202e}\n".as_bytes(), "pieces of {size}");
        }
        let mut terminal = Terminal { out: Vec::new(), cut: Vec::new() };
        terminal.write_all(b"\xffa\x9b").expect("into memory");
        assert_eq!(terminal.out, "\u{fffd}a\u{fffd}".as_bytes());
    }
}
