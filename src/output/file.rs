use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Where results go: standard output, or a file that gets its name only when it is complete.
pub struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    /// Temporary name and name to be.
    file: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Standard output for `None` and `-`; else a file, which must not be there unless `force`.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Io`].
    pub fn create(path: Option<&Path>, force: bool) -> Result<Self> {
        let Some(path) = path.filter(|p| p.as_os_str() != "-") else {
            return Ok(Self { writer: BufWriter::with_capacity(1 << 16, Box::new(io::stdout())), file: None });
        };
        // A pipe, a terminal or /dev/null is written to as it is.
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && !force => return Err(Error::Exists(path.to_owned())),
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::io("write", path, io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(path).map_err(|e| Error::io("open", path, e))?;
                return Ok(Self { writer: BufWriter::with_capacity(1 << 16, Box::new(file)), file: None });
            }
            _ => {}
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".writing-{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(|e| Error::io("create", &temporary, e))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 16, Box::new(file)), file: Some((temporary, path.to_owned())) })
    }

    /// Writes what is left and gives a file its name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        let place = self.file.as_ref().map_or(Path::new("the output"), |f| &f.1);
        self.writer.flush().map_err(|e| Error::io("write", place, e))?;
        if let Some((temporary, path)) = &self.file {
            fs::rename(temporary, path).map_err(|e| Error::io("rename", temporary, e))?;
            self.file = None;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.file {
            // Complete or not at all.
            let _ = fs::remove_file(temporary);
        }
    }
}
