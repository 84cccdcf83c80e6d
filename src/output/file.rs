use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::temporary::Temporary;
use crate::{Error, Result, disk};

/// In the names of files that are not complete yet.
pub(crate) const WRITING: &str = ".writing-";

/// Where results go: standard output, or a file that gets its name only when it is complete and durable.
pub struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    file: Option<Named>,
}

/// A file that is not complete yet.
struct Named {
    temporary: Temporary,
    file: disk::File,
    /// Its name to be.
    path: PathBuf,
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
                let file = fs::File::options().write(true).open(path).map_err(|e| Error::io("open", path, e))?;
                return Ok(Self { writer: BufWriter::with_capacity(1 << 16, Box::new(file)), file: None });
            }
            _ => {}
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!("{WRITING}{}", disk::unique()));
        let create = |path: &Path| disk::File::create_new(path).map_err(|e| Error::io("create", path, e));
        let (temporary, file) = Temporary::begin(path.with_file_name(name), disk::remove_file, create)?;
        let clone = file.try_clone().map_err(|e| Error::io("open", temporary.path(), e))?;
        let writer: BufWriter<Box<dyn Write + Send>> = BufWriter::with_capacity(1 << 16, Box::new(clone));
        Ok(Self { writer, file: Some(Named { temporary, file, path: path.to_owned() }) })
    }

    /// Writes what is left and gives a file its name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        let place = self.file.as_ref().map_or(Path::new("the output"), |named| &named.path);
        self.writer.flush().map_err(|e| Error::io("write", place, e))?;
        if let Some(Named { temporary, file, path }) = self.file.take() {
            // Else a machine that loses its power may keep the name without the bytes.
            file.sync_data().map_err(|e| Error::io("sync", &path, e))?;
            let from = temporary.path().to_owned();
            temporary.publish(|| disk::rename(&from, &path).map_err(|e| Error::io("rename", &from, e)))?;
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
