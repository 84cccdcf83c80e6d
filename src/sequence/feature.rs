//! Annotations come in many formats and under any file name, so the format is detected from the rows.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use crate::sequence::region::Region;

/// The format of a file of features, detected from its rows, and from the file's name if a row fits two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeatureFormat {
    /// RepeatMasker's `.out` (<https://www.repeatmasker.org/webrepeatmaskerhelp.html>).
    Out,
    /// GFF3, GTF and GFF2 (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>).
    Gff,
    /// BED of three columns or more (<https://samtools.github.io/hts-specs/BEDv1.pdf>), bedGraph, and the TSV of
    /// `annotate`.
    Bed,
}

/// Columns of GFF; in GFF2 the last may be missing.
const GFF_COLUMNS: usize = 9;

/// The part of a message that lists the formats.
const READ: &str = "the formats are BED, bedGraph, GFF3, GTF, RepeatMasker's .out and the TSV of repeat copies, plain \
                    or compressed";

/// A feature of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feature<'l> {
    /// Name of the contig as the row has it: escaped, in GFF3.
    pub(crate) contig: &'l str,
    /// Bases of the contig, 0-based and half-open.
    pub(crate) range: Range<u64>,
    /// Type and attributes, in GFF.
    pub(crate) kind: &'l str,
    pub(crate) attributes: &'l str,
    /// Name and class, in the other formats; empty if the row has none. The name may have the class behind a `#`.
    pub(crate) name: &'l str,
    pub(crate) class: &'l str,
    /// Substituted bases in per cent, in `.out` and the TSV of `annotate`; empty if the row has none.
    pub(crate) substituted: &'l str,
}

impl Feature<'_> {
    /// The feature as a region. GFF3 escapes some letters of a name with `%` and two digits, GTF does not.
    pub(crate) fn region(&self, format: FeatureFormat, is_contig: impl Fn(&str) -> bool) -> Region {
        let name = match format {
            FeatureFormat::Gff => Some(unescaped(self.contig)).filter(|name| is_contig(name)),
            _ => None,
        };
        Region { contig: name.unwrap_or(self.contig.into()).into_owned(), range: self.range.clone() }
    }

    /// The class of a repeat, such as `LTR/Gypsy`, if the row has one: a column of `.out` and of the TSV of `annotate`,
    /// an attribute of GFF3 and GTF or else their type, and what follows `#` in the name of BED.
    pub(crate) fn repeat_class(&self) -> Option<Cow<'_, str>> {
        let in_name = || self.name.split_once('#').map(|(_, class)| class);
        if let Some(class) = Some(self.class).filter(|class| !class.is_empty()).or_else(in_name) {
            return Some(class.into());
        }
        let named = ["class", "classification"].iter().find_map(|name| self.values(name).next());
        let of_gtf = || match (self.gtf_value("class_id")?, self.gtf_value("family_id")) {
            (class, Some(family)) if family != class => Some(format!("{class}/{family}").into()),
            (class, _) => Some(class.into()),
        };
        named.or_else(of_gtf).or((!self.kind.is_empty()).then_some(self.kind.into()))
    }

    /// Substituted bases of a repeat in per cent, if the row has them: a column of `.out` and of the TSV of `annotate`,
    /// or the attribute `substituted` or `identity` (a share) of GFF3.
    pub(crate) fn divergence(&self) -> Option<f64> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let attribute = |name| number(&self.values(name).next()?);
        let of_identity = || attribute("identity").map(|share| 100.0 * (1.0 - share));
        number(self.substituted).or_else(|| attribute("substituted")).or_else(of_identity)
    }

    /// The value of an attribute of GTF, which is quoted behind a blank.
    fn gtf_value(&self, name: &str) -> Option<&str> {
        let attributes = self.attributes.split(';').filter_map(|attribute| attribute.trim_ascii().split_once(' '));
        attributes.filter(|(key, _)| *key == name).map(|(_, value)| value.trim_matches([' ', '"'])).next()
    }

    /// Whether the feature has this name, class or type. A class includes its superfamilies: `LTR` is the class of
    /// `LTR/Gypsy` too.
    pub(crate) fn is_labelled(&self, label: &str) -> bool {
        let is_class =
            |class: &str| class.strip_prefix(label).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let (family, class) = self.name.split_once('#').unwrap_or((self.name, ""));
        let is_attribute = |name| self.values(name).any(|value| is_class(&value));
        [self.name, self.kind, family].contains(&label)
            || is_class(class)
            || is_class(self.class)
            || ["Name", "class", "Class", "classification", "Classification"].into_iter().any(is_attribute)
    }

    /// The values of an attribute of GFF3.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let attributes = self.attributes.split(';').filter_map(|attribute| attribute.trim_ascii().split_once('='));
        attributes.filter(move |(key, _)| *key == name).flat_map(|(_, values)| values.split(',')).map(unescaped)
    }
}

/// A line of a file of features.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'l> {
    /// A comment, a header or a blank line.
    Header,
    /// The end of the features; only sequence follows.
    End,
    /// A row.
    Feature(Feature<'l>),
}

/// Reads the lines of a file of features.
#[derive(Debug)]
pub(crate) struct FeatureParser {
    /// Format by the file's name or its first line.
    named: Option<FeatureFormat>,
    /// Format of the first row.
    format: Option<FeatureFormat>,
}

impl FeatureParser {
    /// For a file of this name.
    pub(crate) fn new(path: &Path) -> Self {
        let name = path.to_string_lossy().to_lowercase();
        let stem =
            [".gz", ".bgz", ".zst", ".bz2", ".xz"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let named = match stem.rsplit_once('.').map(|(_, end)| end) {
            Some("gff3" | "gff" | "gtf" | "gff2") => Some(FeatureFormat::Gff),
            Some("out") => Some(FeatureFormat::Out),
            Some("bed" | "bedgraph" | "bg") => Some(FeatureFormat::Bed),
            _ => None,
        };
        Self { named, format: None }
    }

    /// The format; `None` before the first row.
    pub(crate) fn format(&self) -> Option<FeatureFormat> {
        self.format
    }

    /// Reads a line without its end. A line that starts with `#` is a row of a contig if `is_contig` knows its name.
    ///
    /// # Errors
    /// A sentence on the problem of the line.
    pub(crate) fn line<'l>(&mut self, line: &'l str, is_contig: impl Fn(&str) -> bool) -> Result<Line<'l>, String> {
        if self.format.is_none() && line.starts_with("##gff-version") {
            self.named = Some(FeatureFormat::Gff);
        }
        if line.starts_with("##FASTA") && self.format.or(self.named) == Some(FeatureFormat::Gff) {
            return Ok(Line::End);
        }
        let format = self.format.or_else(|| self.fitting(line, &is_contig));
        if is_header(format, line, &is_contig) {
            return Ok(Line::Header);
        }
        if self.format == Some(FeatureFormat::Gff) && line.starts_with('>') {
            return Ok(Line::End);
        }
        let foreign = if self.format.is_none() { foreign(line) } else { None };
        match (foreign, format) {
            (None, Some(known)) => {
                self.format = format;
                feature(known, line).map(Line::Feature)
            }
            (Some(name), _) => Err(format!("the file looks like {name}; {READ}")),
            (None, None) => {
                let problem = feature(self.named.unwrap_or(FeatureFormat::Bed), line).err();
                Err(format!(
                    "{}; {READ}",
                    problem.as_deref().unwrap_or("the line is a row of no format that is read here")
                ))
            }
        }
    }

    /// The format that a row fits; of two, that of the file's name.
    fn fitting(&self, line: &str, is_contig: &impl Fn(&str) -> bool) -> Option<FeatureFormat> {
        let all = [FeatureFormat::Out, FeatureFormat::Gff, FeatureFormat::Bed];
        let fit = |format: &FeatureFormat| fits(*format, line, is_contig);
        self.named.filter(fit).or_else(|| all.into_iter().find(fit))
    }
}

/// Reads a line of BED (0-based, half-open); `None` for a comment, a `track` or `browser` line and a blank line. A line
/// that begins with `#` is a row if `is_contig` knows the name and its second and third columns are numbers.
///
/// # Errors
/// A sentence on the problem of the line.
pub fn parse_bed_line(line: &str, is_contig: impl Fn(&str) -> bool) -> Result<Option<Region>, String> {
    if is_header(Some(FeatureFormat::Bed), line, &is_contig) {
        return Ok(None);
    }
    let Feature { contig, range, .. } = feature(FeatureFormat::Bed, line)?;
    Ok(Some(Region { contig: contig.to_owned(), range }))
}

/// Whether a line is certainly a row of a format.
fn fits(format: FeatureFormat, line: &str, is_contig: &impl Fn(&str) -> bool) -> bool {
    let fits = match format {
        FeatureFormat::Out => {
            let fields: Vec<&str> = line.split_ascii_whitespace().take(9).collect();
            let is_number = |field: &str| field.parse::<f64>().is_ok_and(f64::is_finite);
            fields.len() == 9
                && fields[..4].iter().all(|field| is_number(field))
                && fields[7].starts_with('(')
                && fields[7].ends_with(')')
                && matches!(fields[8], "+" | "-" | "C")
        }
        FeatureFormat::Gff => {
            let fields: Vec<&str> = line.splitn(GFF_COLUMNS + 1, '\t').collect();
            fields.len() >= 8
                && !line.starts_with('#')
                && is_digits(fields[3])
                && is_digits(fields[4])
                && matches!(fields[6], "+" | "-" | "." | "?")
        }
        FeatureFormat::Bed => bed_columns(line).is_some_and(|(_, start, end)| is_digits(start) && is_digits(end)),
    };
    fits && !is_header(Some(format), line, is_contig)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a line is a comment, a header or blank; a line that could be a row is one.
fn is_header(format: Option<FeatureFormat>, line: &str, is_contig: &impl Fn(&str) -> bool) -> bool {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or("");
    let is_bed_row = |contig: &dyn Fn(&str) -> bool| {
        matches!(format, None | Some(FeatureFormat::Bed))
            && bed_columns(line).is_some_and(|(name, start, end)| contig(name) && is_digits(start) && is_digits(end))
    };
    if first.is_empty() {
        return true;
    }
    if line.starts_with('#') {
        return !is_bed_row(&|name| is_contig(name));
    }
    match first {
        "track" | "browser" => match format {
            Some(FeatureFormat::Gff) => line.split('\t').count() < 8,
            _ => !is_bed_row(&|_| true),
        },
        "SW" | "bit" | "score" if format.is_none_or(|format| format == FeatureFormat::Out) => {
            let second = [words.next(), words.next(), words.next()];
            second == [Some("perc"); 3] || second == [Some("div."), Some("del."), Some("ins.")]
        }
        "There" => line.trim_ascii_start().starts_with("There were no repetitive sequences detected"),
        _ => false,
    }
}

/// Contig, start and end of a row of BED as text: between tabs if it has any, since names may then have blanks.
fn bed_columns(line: &str) -> Option<(&str, &str, &str)> {
    let mut tabs = line.split('\t');
    if let (Some(contig), Some(start), Some(end)) = (tabs.next(), tabs.next(), tabs.next()) {
        return Some((contig, start.trim_ascii(), end.trim_ascii()));
    }
    let mut blanks = line.split_ascii_whitespace();
    Some((blanks.next()?, blanks.next()?, blanks.next()?))
}

/// Name and class of a row of BED: its fourth column, or the fifth and sixth if the fourth is a strand, as in the TSV of
/// repeat copies.
fn bed_labels(line: &str) -> (&str, &str, &str) {
    let column = |number: usize| {
        let text =
            if line.contains('\t') { line.split('\t').nth(number) } else { line.split_ascii_whitespace().nth(number) };
        text.unwrap_or("").trim_ascii()
    };
    match column(3) {
        "+" | "-" => (column(4), column(5), column(9)),
        name => (name, "", ""),
    }
}

/// Reads a row of a format.
fn feature(format: FeatureFormat, line: &str) -> Result<Feature<'_>, String> {
    let number = |text: &str| match text.parse::<u64>() {
        Ok(number) if is_digits(text) => Ok(number),
        _ => Err(format!("{:?} is not a position", crate::text::shortened(text))),
    };
    let closed = |start: &str, end: &str| {
        let (start, end) = (number(start)?, number(end)?);
        if start == 0 || start > end {
            return Err(format!("{start}-{end} is not an interval counted from 1"));
        }
        Ok(start - 1..end)
    };
    match format {
        FeatureFormat::Bed => {
            let (contig, start, end) = bed_columns(line).ok_or("a BED line has a contig, a start and an end")?;
            let range = number(start)?..number(end)?;
            if range.start > range.end {
                return Err(format!("the interval ends at {end}, before its start {start}"));
            }
            let (name, class, substituted) = bed_labels(line);
            Ok(Feature { contig, range, kind: "", attributes: "", name, class, substituted })
        }
        FeatureFormat::Gff => {
            let fields: Vec<&str> = line.splitn(GFF_COLUMNS + 1, '\t').collect();
            let &[contig, _, kind, start, end, _, _, _, ref attributes @ ..] = &fields[..] else {
                return Err("a line of GFF3 or GTF has nine columns between tabs".to_owned());
            };
            let attributes = attributes.first().copied().unwrap_or("");
            let range = closed(start.trim_ascii(), end.trim_ascii())?;
            Ok(Feature { contig, range, kind, attributes, name: "", class: "", substituted: "" })
        }
        FeatureFormat::Out => {
            let fields: Vec<&str> = line.split_ascii_whitespace().take(11).collect();
            let &[_, substituted, _, _, contig, start, end, ref rest @ ..] = &fields[..] else {
                return Err("a line of .out has a sequence, a begin and an end in columns 5 to 7".to_owned());
            };
            let (name, class) = if let &[_, _, name, class] = rest { (name, class) } else { ("", "") };
            Ok(Feature { contig, range: closed(start, end)?, kind: "", attributes: "", name, class, substituted })
        }
    }
}

/// Decodes the `%` and two digits of GFF3.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|digits| bytes[at] == b'%' && digits.is_ascii());
        let code = digits.and_then(|digits| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some((digit(digits[0])? * 16 + digit(digits[1])?) as u8)
        });
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

/// The name of the format of a file with this first line, if it is a known other one.
fn foreign(line: &str) -> Option<&'static str> {
    let fields: Vec<&str> = line.splitn(13, '\t').collect();
    let is_number = |column: usize| fields.get(column).is_some_and(|field| is_digits(field));
    match line.as_bytes() {
        [b'>', ..] => Some("FASTA"),
        [b'{' | b'[', ..] => Some("JSON"),
        [b'@', ..] => Some("SAM"),
        _ if line.starts_with("fixedStep") || line.starts_with("variableStep") => Some("wiggle"),
        _ if line.starts_with("psLayout") => Some("PSL"),
        _ if fields.len() >= 12 && [1, 2, 3, 6, 7, 8].into_iter().all(is_number) && matches!(fields[4], "+" | "-") => {
            Some("PAF")
        }
        bytes if bytes.iter().take(64).any(|byte| matches!(byte, 0..=8)) => Some("a binary file"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a file as (contig, start, end), or what is wrong.
    fn rows(name: &str, text: &str) -> Result<Vec<(String, u64, u64)>, String> {
        let is_contig = |name: &str| ["chr1", "#x", "track", "browser", "a;b", "a%3Bb", "chr 2"].contains(&name);
        let mut parser = FeatureParser::new(Path::new(name));
        let mut all = Vec::new();
        for line in text.lines() {
            match parser.line(line, is_contig)? {
                Line::Header => {}
                Line::End => break,
                Line::Feature(feature) => {
                    let region = feature.region(parser.format().expect("a row was read"), is_contig);
                    all.push((region.contig, region.range.start, region.range.end));
                }
            }
        }
        Ok(all)
    }

    const OUT: &str = "   SW   perc perc perc  query     position in query  matching repeat  position in repeat\n\
        score   div. del. ins.  sequence  begin end (left)   repeat class/family begin end (left) ID\n\n\
        \x20 463   1.3  0.6  1.7  chr1  11  20 (5) + a#b c/d 1 3 (0) 1\n\
        \x20 12 0 0 0 chr1 31 40 (0) C x LTR (0) 9 1 * *\n";

    #[test]
    fn formats_are_known_by_their_rows_whatever_the_name() {
        let one = |start, end| Ok(vec![("chr1".to_owned(), start, end)]);
        for name in ["a.bed", "a.out", "a.gff3.gz", "a.gtf", "a", "-"] {
            assert_eq!(rows(name, "chr1\t10\t20\n"), one(10, 20), "{name}");
            assert_eq!(rows(name, "chr1 10 20 name\n"), one(10, 20), "{name}");
            assert_eq!(rows(name, "track type=bedGraph\nchr1\t10\t20\t1.5\n"), one(10, 20), "{name}");
            assert_eq!(rows(name, "chr1\t10\t20\tx\t0\t+\t10\t20\t0\t1\t10\t0\n"), one(10, 20), "{name}");
            assert_eq!(rows(name, "#contig\tstart\tend\tstrand\nchr1\t10\t20\t+\tf\tLTR\t7\n"), one(10, 20), "{name}");
            assert_eq!(
                rows(name, "##gff-version 3\nchr1\tx\ty\t11\t20\t.\t+\t.\tID=a\n##FASTA\n>chr1\nAC\n"),
                one(10, 20)
            );
            assert_eq!(rows(name, "chr1\tx\ty\t11\t20\t.\t+\t.\tID=a\n>chr1\nAC\n"), one(10, 20), "{name}");
            assert_eq!(
                rows(name, "chr1\tx\texon\t11\t20\t.\t-\t.\tgene_id \"a\"; transcript_id \"b\";\n"),
                one(10, 20)
            );
            assert_eq!(
                rows(name, "chr1\tRepeatMasker\tsimilarity\t11\t20\t1.0\t?\t.\tTarget \"Motif:x\" 1 2\n"),
                one(10, 20)
            );
            let out = rows(name, OUT).expect("rows");
            assert_eq!(out, [("chr1".to_owned(), 10, 20), ("chr1".to_owned(), 30, 40)], "{name}");
            assert_eq!(rows(name, "##gff-version 3\n##FASTA\n>chr1\nACGT\n"), Ok(Vec::new()), "{name}");
            assert_eq!(rows(name, "There were no repetitive sequences detected in g.fa\n"), Ok(Vec::new()), "{name}");
            assert_eq!(rows(name, "\n# a comment\nbrowser hide all\n##gff-version 3\n"), Ok(Vec::new()), "{name}");
        }
        // The file's name decides between two formats that fit a row.
        let two = "chr1\t1\t2\t11\t20\t.\t+\t.\tx\n";
        assert_eq!((rows("a.bed", two), rows("a.gff", two)), (one(1, 2), one(10, 20)));
    }

    #[test]
    fn features_have_the_labels_of_their_format() {
        let rows = [
            ("a.bed", "c\t1\t2\tMdg1#LTR/Gypsy\t0\t+\n", vec!["Mdg1#LTR/Gypsy", "Mdg1", "LTR", "LTR/Gypsy"]),
            ("a.bed", "c 1 2 tandem\n", vec!["tandem"]),
            ("a.bed", "c\t1\t2\n", vec![]),
            ("a.tsv", "c\t1\t2\t-\tMdg1\tLTR/Gypsy\t99\n", vec!["Mdg1", "LTR", "LTR/Gypsy"]),
            ("a.out", "463 1.3 0.6 1.7 c 1 2 (5) + Mdg1 LTR/Gypsy 1 2 (3) 1\n", vec!["Mdg1", "LTR", "LTR/Gypsy"]),
            (
                "a.gff3",
                "c\tx\tregion\t1\t2\t.\t+\t.\tName=Mdg1;class=LTR%2FGypsy\n",
                vec!["region", "Mdg1", "LTR", "LTR/Gypsy"],
            ),
        ];
        for (name, line, labels) in rows {
            let mut parser = FeatureParser::new(Path::new(name));
            let Ok(Line::Feature(feature)) = parser.line(line.trim_end(), |_| true) else { panic!("{line}") };
            let all = ["Mdg1#LTR/Gypsy", "Mdg1", "LTR", "LTR/Gypsy", "tandem", "region", "LT", "LTR/", "Gypsy"];
            for label in all {
                assert_eq!(feature.is_labelled(label), labels.contains(&label), "{label}: {line}");
            }
        }
    }

    #[test]
    fn names_that_look_like_headers_are_rows() {
        let bed = "#x\t1\t2\ntrack\t1\t2\nbrowser\t3\t4\nchr 2\t5\t6\n#y\t1\t2\ntrack name=x\n";
        let name = |name: &str, start| (name.to_owned(), start, start + 1);
        let all = [name("#x", 1), name("track", 1), name("browser", 3), name("chr 2", 5)];
        assert_eq!(rows("a.bed", bed).expect("rows"), all);
        assert_eq!(
            rows("a", "track\tx\ty\t2\t2\t.\t+\t.\t\n%23x\tx\ty\t2\t2\t.\t+\t.\t\n").expect("rows"),
            [all[1].clone(), all[0].clone()]
        );
        // GFF3 escapes, GTF does not.
        assert_eq!(rows("a", "a%3Bb\tx\ty\t2\t2\t.\t+\t.\t\n").expect("rows"), [name("a;b", 1)]);
        assert_eq!(rows("a", "a%253Bb\tx\ty\t2\t2\t.\t+\t.\t\n").expect("rows"), [name("a%3Bb", 1)]);
        assert_eq!(parse_bed_line("#x\t1\t2", |name| name == "#x").map(|row| row.is_some()), Ok(true));
        assert_eq!(parse_bed_line("#x\t1\t2", |_| false), Ok(None));
        assert_eq!(unescaped("100%25%zz%4%é"), "100%%zz%4%é");
    }

    #[test]
    fn what_is_no_row_is_no_header() {
        for (name, text, message) in [
            ("a.bed", "chr1\t5\n", "a contig, a start and an end"),
            ("a.bed", "chr1\t9\t5\n", "before its start"),
            ("a.bed", "#x\t9\t5\n", "before its start"),
            ("a.bed", "chr1\t-1\t5\n", "\"-1\" is not a position"),
            ("a.bed", "chr1\t+1\t5\n", "\"+1\" is not a position"),
            ("a.bed", "chr1\t1\t99999999999999999999\n", "is not a position"),
            ("a.bed", "chr1\t1\t2\nscore 5 hundred\n", "is not a position"),
            ("a.out", "chr1 ten 20\n", "columns 5 to 7"),
            ("a.out", "  463 1.3 0.6 1.7 chr1 0 20 (5) + a b\n", "counted from 1"),
            ("a.out", "  463 1.3 0.6 1.7 chr1 1 2 (5) + a b\nSW is a score\n", "columns 5 to 7"),
            ("a.out", "SW perc of them\n", "columns 5 to 7"),
            ("a.gff3", "chr1\tx\ty\t0\t20\t.\t+\t.\tID=a\n", "counted from 1"),
            ("a.gff3", "chr1\tx\ty\t7\t6\t.\t+\t.\tID=a\n", "counted from 1"),
            ("a.gff3", "chr1 x y 1 20 . + . ID=a\n", "nine columns"),
            ("a.gff3", "chr1\tx\ty\t1\t20\t.\t+\t.\tID=a\nchr1\t1\t2\n", "nine columns"),
            ("a", ">chr1\nACGT\n", "looks like FASTA"),
            ("a", "chr1\t90\t0\t9\t+\tchr1\t90\t0\t9\t9\t9\t255\n", "looks like PAF"),
            ("a", "{\"contig\":\"chr1\"}\n", "looks like JSON"),
            ("a", "variableStep chrom=chr1\n", "looks like wiggle"),
            ("a", "\u{1}\u{2}\n", "looks like a binary file"),
            ("a", "hello world\n", "GFF3, GTF"),
        ] {
            let problem = rows(name, text).expect_err(text);
            assert!(problem.contains(message), "{text}: {problem}");
        }
    }
}
