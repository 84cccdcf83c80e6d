//! Short names of contigs for programs that refuse others, and the table back.

use std::io::Write;
use std::path::{Path, PathBuf};

use ahash::AHashMap;

use crate::cli::Settings;
use crate::fs::Output;
use crate::genome::{Contig, NAME_HEADER, name_table, short_names};
use crate::sequence::{Lines, Source};
use crate::text::shortened;
use crate::{Error, Index, Result};

/// The contigs of an index under short names, and the table to write.
pub(crate) struct ShortNames {
    pub(crate) contigs: Vec<Contig>,
    output: Output,
    path: PathBuf,
}

impl ShortNames {
    /// Begins the table, so that a file that may not be written is an error before the work.
    pub(crate) fn create(path: &Path, index: &Index, settings: &Settings) -> Result<Self> {
        settings.check_second_output(path, "--short-names")?;
        let output = Output::create(Some(path), settings.force)?;
        Ok(Self { contigs: short_names(index.contigs()?), output, path: path.to_owned() })
    }

    pub(crate) fn write(mut self, index: &Index) -> Result<()> {
        let table = name_table(&self.contigs, index.contigs()?);
        self.output.write_all(&table).map_err(|e| Error::io("write", &self.path, e))?;
        self.output.finish()
    }
}

/// The contigs of an index under the short names of a table.
pub(crate) fn read_names(path: &Path, index: &Index) -> Result<Vec<Contig>> {
    let own = index.contigs()?;
    let numbers: AHashMap<&str, usize> = own.iter().enumerate().map(|(number, own)| (&own.name[..], number)).collect();
    let mut contigs = own.to_vec();
    let mut lines = Lines::open(&Source::new(path), index.budget())?;
    let mut seen: AHashMap<String, u64> = AHashMap::new();
    while let Some((number, line)) = lines.next()? {
        let in_line = |problem: String| Error::input(path, Some(number), problem);
        let line = String::from_utf8_lossy(line);
        if line.is_empty() || number == 1 && line == NAME_HEADER {
            continue;
        }
        let Some((short, name)) = line.split_once('\t') else {
            return Err(in_line("a row is a short name and a name, between them a tab".to_owned()));
        };
        let Some(&contig) = numbers.get(name) else {
            return Err(in_line(format!("{:?} is no contig of the index", shortened(name))));
        };
        if let Some(before) = seen.insert(short.to_owned(), number) {
            return Err(in_line(format!("{:?} is the short name of line {before} too", shortened(short))));
        }
        short.clone_into(&mut contigs[contig].name);
    }
    Ok(contigs)
}
