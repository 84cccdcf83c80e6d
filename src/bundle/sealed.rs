//! A manifest contains the digest of its own text, computed with an empty string in that field.

use serde::Serialize;

use crate::format::MANIFEST;
use crate::{Error, Result};

/// A manifest of any kind.
pub(crate) trait Sealed: Serialize + Clone {
    /// BLAKE3 of its text, in hexadecimal.
    fn seal_mut(&mut self) -> &mut String;

    /// Number of the files that the genome was read from: their names are the longest part of the text.
    fn sources(&self) -> usize;

    /// The text of the file.
    fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|e| Error::io("write", MANIFEST, e.into()))
    }

    /// The text with its own digest filled in.
    fn sealed_json(mut self) -> Result<String> {
        self.seal_mut().clear();
        let digest = blake3::hash(self.json()?.as_bytes());
        *self.seal_mut() = digest.to_hex().to_string();
        self.json()
    }

    /// The bytes of the file, its own digest filled in.
    ///
    /// # Errors
    /// [`Error::Usage`] if it would be too long to be read again.
    fn seal(self) -> Result<String> {
        let files = self.sources();
        let text = self.sealed_json()?;
        if text.len() as u64 > crate::fs::MAX_TEXT {
            let problem = format!("the names of {files} files of input are too long for a manifest; join some of them");
            return Err(Error::Usage(problem));
        }
        Ok(text)
    }

    /// Whether these bytes, from which it was read, are those of the sealed file.
    fn is_sealed_as(&self, bytes: &[u8]) -> Result<bool> {
        Ok(self.clone().sealed_json()?.as_bytes() == bytes)
    }
}
