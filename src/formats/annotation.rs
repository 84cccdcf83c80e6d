use std::io::Write;

use serde::Serialize;

use crate::align::Library;
use crate::annotate::{RepeatCopy, family_and_class};
use crate::formats::ontology::ontology_term;
use crate::formats::{json_line, push_number};
use crate::genome::Contig;
use crate::kmer::Strand;

/// How an annotation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationFormat {
    /// Columns under a header, 0-based and half-open.
    Tsv,
    /// BED with nine columns (<https://samtools.github.io/hts-specs/BEDv1.pdf>); the score is the per mille of columns that match.
    Bed,
    /// GFF3 (<https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md>), fragments of a copy under one parent.
    Gff3,
    /// The columns of RepeatMasker's `.out`.
    Out,
    /// One JSON object a line.
    JsonLines,
}

/// What the formats say of a copy.
#[derive(Serialize)]
struct Row<'a> {
    contig: &'a str,
    start: u64,
    end: u64,
    strand: char,
    family: &'a str,
    class: &'a str,
    score: i32,
    e_value: f64,
    /// Kimura distance in per cent, CpG adjusted; none where the two are as different as chance makes them.
    kimura: Option<f64>,
    substituted: f64,
    deleted: f64,
    inserted: f64,
    consensus_start: u32,
    consensus_end: u32,
    consensus_left: u32,
    id: u64,
}

impl<'a> Row<'a> {
    fn of(copy: &RepeatCopy, library: &'a Library, contigs: &'a [Contig]) -> Self {
        let a = &copy.alignment;
        let name = library.name(a.query as usize);
        let (family, class) = family_and_class(name);
        let consensus = (a.query_range.end - a.query_range.start).max(1);
        let of_consensus = |bases: u32| 100.0 * f64::from(bases) / f64::from(consensus);
        let kimura = 100.0 * a.counts.kimura_without_cpg();
        Self {
            contig: &contigs[a.contig as usize].name,
            start: a.range.start,
            end: a.range.end,
            strand: a.strand.symbol(),
            family,
            class,
            score: a.score,
            e_value: a.e_value,
            kimura: kimura.is_finite().then_some(rounded(kimura)),
            substituted: rounded(100.0 * a.counts.substituted()),
            deleted: rounded(of_consensus(a.counts.deleted)),
            inserted: rounded(of_consensus(a.counts.inserted)),
            consensus_start: a.query_range.start,
            consensus_end: a.query_range.end,
            consensus_left: library.sequence(a.query as usize).len() as u32 - a.query_range.end,
            id: copy.id,
        }
    }
}

fn rounded(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

/// Appends what comes before the rows of a format.
pub fn annotation_header(format: AnnotationFormat, contigs: &[Contig], out: &mut Vec<u8>) {
    match format {
        AnnotationFormat::Tsv => out.extend_from_slice(
            b"#contig\tstart\tend\tstrand\tfamily\tclass\tscore\te_value\tkimura\tsubstituted\tdeleted\tinserted\tconsensus_start\tconsensus_end\tconsensus_left\tid\n",
        ),
        AnnotationFormat::Gff3 => {
            out.extend_from_slice(b"##gff-version 3\n");
            for contig in contigs.iter().filter(|c| c.length > 0) {
                out.extend_from_slice(b"##sequence-region ");
                escape(out, &contig.name, is_sequence_id);
                let _ = writeln!(out, " 1 {}", contig.length);
            }
        }
        AnnotationFormat::Out => out.extend_from_slice(
            b"   SW   perc perc perc  query     position in query              matching          repeat       position in repeat\n\
              score   div. del. ins.  sequence  begin    end          (left)   repeat            class/family   begin  end    (left)   ID\n\n",
        ),
        AnnotationFormat::Bed | AnnotationFormat::JsonLines => {}
    }
}

/// Appends the rows of copies, which are sorted by contig and start.
pub fn annotation_rows(
    format: AnnotationFormat,
    copies: &[RepeatCopy],
    library: &Library,
    contigs: &[Contig],
    out: &mut Vec<u8>,
) {
    // Extent and number of fragments of each copy; numbers rise from the first one's.
    let first = copies.iter().map(|c| c.id).min().unwrap_or(0);
    let mut parts: Vec<(u64, u64, u32)> = Vec::new();
    if format == AnnotationFormat::Gff3 {
        for copy in copies {
            let number = (copy.id - first) as usize;
            if number >= parts.len() {
                parts.resize(number + 1, (u64::MAX, 0, 0));
            }
            let (start, end, count) = &mut parts[number];
            *start = copy.alignment.range.start.min(*start);
            *end = copy.alignment.range.end.max(*end);
            *count += 1;
        }
    }
    for copy in copies {
        let row = Row::of(copy, library, contigs);
        match format {
            AnnotationFormat::Tsv => tsv(out, &row),
            AnnotationFormat::JsonLines => json_line(out, &row),
            AnnotationFormat::Bed => {
                let matching = (1000.0 * (1.0 - copy.alignment.counts.difference())).round();
                let name = library.name(copy.alignment.query as usize);
                let (start, end) = (row.start, row.end);
                let _ = writeln!(
                    out,
                    "{}\t{start}\t{end}\t{name}\t{matching}\t{}\t{start}\t{end}\t{}",
                    row.contig,
                    row.strand,
                    colour(row.family, row.class)
                );
            }
            AnnotationFormat::Out => {
                let length = contigs[copy.alignment.contig as usize].length;
                let (left, begin, end) = (row.consensus_left, row.consensus_start + 1, row.consensus_end);
                let place = match copy.alignment.strand {
                    Strand::Forward => format!("{begin:>6} {end:>6} {:>6}", format!("({left})")),
                    Strand::Reverse => format!("{:>6} {end:>6} {begin:>6}", format!("({left})")),
                };
                let _ = writeln!(
                    out,
                    "{:>5} {:>5.1} {:>4.1} {:>4.1}  {} {:>8} {:>8} {:>10} {} {:<16} {:<14} {place} {}",
                    row.score,
                    row.substituted,
                    row.deleted,
                    row.inserted,
                    row.contig,
                    row.start + 1,
                    row.end,
                    format!("({})", length - row.end),
                    if copy.alignment.strand == Strand::Forward { '+' } else { 'C' },
                    row.family,
                    row.class,
                    row.id
                );
            }
            AnnotationFormat::Gff3 => {
                let (start, end, count) = &mut parts[(copy.id - first) as usize];
                let term = ontology_term(row.family, row.class);
                if *count == 1 {
                    gff3(out, &row, term, row.start..row.end, &format!("ID=copy{}", row.id), true);
                    continue;
                }
                // The parent comes with the first fragment, which is marked by an end of 0.
                if *end > 0 {
                    gff3(out, &row, term, *start..*end, &format!("ID=copy{}", row.id), false);
                    *end = 0;
                }
                gff3(out, &row, "match_part", row.start..row.end, &format!("Parent=copy{}", row.id), true);
            }
        }
    }
}

fn tsv(out: &mut Vec<u8>, row: &Row<'_>) {
    let kimura = row.kimura.map_or("NA".to_owned(), |k| format!("{k:.2}"));
    let _ = write!(out, "{}\t{}\t{}\t{}\t{}\t{}\t", row.contig, row.start, row.end, row.strand, row.family, row.class);
    let _ = write!(out, "{}\t{:.3e}\t{kimura}\t", row.score, row.e_value);
    let _ = write!(out, "{:.2}\t{:.2}\t{:.2}", row.substituted, row.deleted, row.inserted);
    for number in [row.consensus_start, row.consensus_end, row.consensus_left] {
        out.push(b'\t');
        push_number(out, number.into());
    }
    out.push(b'\t');
    push_number(out, row.id);
    out.push(b'\n');
}

fn gff3(out: &mut Vec<u8>, row: &Row<'_>, term: &str, range: std::ops::Range<u64>, attributes: &str, aligned: bool) {
    escape(out, row.contig, is_sequence_id);
    let _ = write!(out, "\treprise\t{term}\t{}\t{}\t", range.start + 1, range.end);
    if aligned {
        let _ = write!(out, "{}", row.score);
    } else {
        out.push(b'.');
    }
    let _ = write!(out, "\t{}\t.\t{attributes};Name=", row.strand);
    escape(out, row.family, is_plain);
    if aligned {
        out.extend_from_slice(b";Target=");
        escape(out, row.family, is_plain);
        let _ = write!(out, " {} {} +", row.consensus_start + 1, row.consensus_end);
    }
    out.extend_from_slice(b";class=");
    escape(out, row.class, is_plain);
    if aligned {
        let kimura = row.kimura.map_or("NA".to_owned(), |k| format!("{k:.2}"));
        let _ = write!(out, ";e_value={:.3e};kimura={kimura};substituted={:.2}", row.e_value, row.substituted);
        let _ = write!(out, ";deleted={:.2};inserted={:.2}", row.deleted, row.inserted);
    }
    out.push(b'\n');
}

/// Appends a text with all bytes but those that may stand as they are as `%` and two digits.
fn escape(out: &mut Vec<u8>, text: &str, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if plain(byte) {
            out.push(byte);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn is_sequence_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".:^*$@!+_?-|".contains(&byte)
}

fn is_plain(byte: u8) -> bool {
    (0x21..0x7F).contains(&byte) && !b"%;=&,".contains(&byte)
}

/// Colour of a class in a genome browser.
fn colour(family: &str, class: &str) -> &'static str {
    match ontology_term(family, class) {
        "LTR_retrotransposon" => "44,123,182",
        "LINE_element" | "non_LTR_retrotransposon" | "retrotransposon" => "215,25,28",
        "SINE_element" => "253,141,60",
        "DNA_transposon" | "MITE" => "26,150,65",
        "helitron" => "123,50,148",
        "satellite_DNA"
        | "tandem_repeat"
        | "microsatellite"
        | "minisatellite"
        | "low_complexity_region"
        | "centromeric_repeat"
        | "telomeric_repeat"
        | "subtelomere" => "140,81,10",
        _ => "99,99,99",
    }
}
