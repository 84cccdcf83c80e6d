//! One record of a file of profiles, checked before it is parsed: the parser takes a number that it cannot read for an
//! infinite one, and a record that ends early for a short one.

use rustyhmmer::hmmfile::P7Hmm;

use crate::Result;
use crate::sequence::{Lines, Source};

/// Maximum number of columns of a profile: the longest of Pfam has 2,000.
const MAX_COLUMNS: usize = 100_000;
/// Amino acids of a line of emissions.
const AMINO_ACIDS: usize = 20;
/// Transitions of a line.
const TRANSITIONS: usize = 7;
/// The distributions of scores that a profile has parameters of.
const DISTRIBUTIONS: [&str; 3] = ["MSV", "VITERBI", "FORWARD"];

/// A record that was read.
pub(super) struct Record {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) profile: P7Hmm,
    /// BLAKE3 of its text.
    pub(super) digest: [u8; 32],
}

/// The records of a file, one at a time.
pub(super) struct Records<'a> {
    source: &'a Source,
    lines: Lines,
}

impl<'a> Records<'a> {
    pub(super) fn new(source: &'a Source, lines: Lines) -> Self {
        Self { source, lines }
    }

    /// The next profile.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) with line and name of a record that is damaged, or no protein profile.
    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        let mut text: Vec<String> = Vec::new();
        let mut first = 0;
        while let Some((number, line)) = self.lines.next()? {
            if text.is_empty() && line.trim_ascii().is_empty() {
                continue;
            }
            if text.is_empty() {
                first = number;
                if !line.starts_with(b"HMMER3/") {
                    let problem = if line.starts_with(b"HMMER2") {
                        "is a profile of HMMER2; convert it with hmmconvert of HMMER3"
                    } else {
                        "is no profile of HMMER3: a record begins with HMMER3/ and a letter"
                    };
                    return Err(crate::Error::input(self.source.path(), Some(number), problem));
                }
            }
            text.push(String::from_utf8_lossy(line).into_owned());
            if line.trim_ascii() == b"//" {
                break;
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let name = text.iter().find_map(|line| line.strip_prefix("NAME")).map_or("", str::trim).to_owned();
        let wrong = |(line, problem): (usize, String)| {
            let problem = format!("profile {name:?} {problem}");
            crate::Error::input(self.source.path(), Some(first + line as u64), problem)
        };
        check(&text).map_err(wrong)?;
        let mut hasher = blake3::Hasher::new();
        for line in &text {
            hasher.update(line.as_bytes()).update(b"\n");
        }
        let digest = *hasher.finalize().as_bytes();
        let lines = text.into_iter().map(Ok);
        match P7Hmm::read_one(&mut lines.peekable()) {
            Ok(profile) => Ok(profile.map(|profile| Record { line: first, profile, digest })),
            Err(e) => Err(wrong((0, format!("cannot be read: {e}")))),
        }
    }
}

/// The line, from 0, and the problem of a record.
type Problem = (usize, String);

/// Whether the lines of a record, its last one included, are those of a whole protein profile.
fn check(lines: &[String]) -> Result<(), Problem> {
    let body = lines.iter().position(|line| line.trim() == "HMM" || line.starts_with("HMM "));
    let end = (lines.len() - 1, "is not complete; get the file again".to_owned());
    let Some(body) = body else { return Err(end) };
    let columns = check_header(&lines[..body])?;
    // Behind the names of the emissions and transitions: emissions of the background, which may be absent.
    let mut at = body + 2;
    let mut next = |label: Option<&str>, numbers: usize| -> Result<(), Problem> {
        let line = lines.get(at).filter(|line| line.trim() != "//").ok_or_else(|| end.clone())?;
        let mut words = line.split_whitespace();
        let damaged = |what: String| (at, format!("is damaged: {what}; get the file again"));
        if let Some(label) = label
            && words.next() != Some(label)
        {
            return Err(damaged(format!("the line does not begin with {label}")));
        }
        let count = words.take(numbers).filter(|word| is_score(word)).count();
        if count < numbers {
            return Err(damaged(format!("the line needs {numbers} numbers")));
        }
        at += 1;
        Ok(())
    };
    if lines.get(body + 2).is_some_and(|line| line.trim_start().starts_with("COMPO")) {
        next(Some("COMPO"), AMINO_ACIDS)?;
    }
    next(None, AMINO_ACIDS)?;
    next(None, TRANSITIONS)?;
    for column in 1..=columns {
        next(Some(&column.to_string()), AMINO_ACIDS)?;
        next(None, AMINO_ACIDS)?;
        next(None, TRANSITIONS)?;
    }
    match lines.get(at) {
        Some(line) if line.trim() == "//" => Ok(()),
        Some(_) => Err((at, "is damaged: it has more columns than its header states; get the file again".to_owned())),
        None => Err(end),
    }
}

/// A negative logarithm of a probability; `*` for that of 0.
fn is_score(word: &str) -> bool {
    word == "*" || word.parse::<f32>().is_ok_and(|score| score.is_finite())
}

/// The number of columns that the header of a protein profile states.
fn check_header(header: &[String]) -> Result<usize, Problem> {
    let value = |key: &str| -> Result<(usize, &str), Problem> {
        let is_key = |line: &String| line.split_whitespace().next() == Some(key);
        let at = header.iter().position(is_key).ok_or_else(|| (0, format!("has no line {key}; get the file again")))?;
        Ok((at, header[at].trim_start()[key.len()..].trim()))
    };
    let (at, name) = value("NAME")?;
    if name.is_empty() {
        return Err((at, "has an empty name; name it".to_owned()));
    }
    let (at, alphabet) = value("ALPH")?;
    if !alphabet.eq_ignore_ascii_case("amino") {
        return Err((at, format!("has the alphabet {alphabet:?}; profiles must be of proteins (amino)")));
    }
    let (at, length) = value("LENG")?;
    let columns = length.parse().ok().filter(|columns| (1..=MAX_COLUMNS).contains(columns));
    let columns =
        columns.ok_or_else(|| (at, format!("has a length of {length:?}; 1 to {MAX_COLUMNS} are possible")))?;
    for distribution in DISTRIBUTIONS {
        let has_parameters = |line: &String| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(&words[..], ["STATS", "LOCAL", name, rest @ ..]
                if *name == distribution && rest.len() >= 2 && rest.iter().take(2).all(|word| is_score(word)))
        };
        if !header.iter().any(has_parameters) {
            return Err((0, format!("has no line STATS LOCAL {distribution}; calibrate it with hmmbuild of HMMER3")));
        }
    }
    Ok(columns)
}
