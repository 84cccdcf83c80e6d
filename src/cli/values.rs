//! Parsers of the values of flags; their errors state the allowed values.

/// Reads a number of bases within a contig, which has fewer than 2^32.
pub(super) fn bases(text: &str) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|&number| number <= u64::from(u32::MAX));
    number.ok_or_else(|| format!("a number of bases is 0 to {}", u32::MAX))
}

/// Reads an E-value.
pub(super) fn e_value(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(e) if e > 0.0 && e.is_finite() => Ok(e),
        _ => Err("an E-value is a number above 0".to_owned()),
    }
}

/// Reads a percentage.
pub(super) fn percentage(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        _ => Err("a percentage is a number from 0 to 100".to_owned()),
    }
}

/// Reads a share of a whole that is not nothing.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a share is a number above 0 and up to 1".to_owned()),
    }
}

/// Reads the name of an organism or a clade, a field of one line.
pub(super) fn taxon(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("a taxon is a name on one line, such as \"Drosophila melanogaster\"".to_owned());
    }
    Ok(name.to_owned())
}
