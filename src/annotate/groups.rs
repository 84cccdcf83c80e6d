//! Chromosomes, sex chromosomes and scaffolds differ in their repeats, so an annotation is also summed by groups of
//! contigs. A table assigns contigs to groups; without one, their names do.

use std::path::PathBuf;

use ahash::AHashMap;

use crate::genome::Contig;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{Lines, Source, nearest_names};
use crate::text::shortened;
use crate::{Error, Result};

/// Maximum number of groups of a table: as many landscapes as a reader compares, and a bound on the size of results.
pub const MAX_GROUPS: usize = 20;
/// Maximum number of patterns of a table, since each contig is compared with all of them: 10^8 comparisons for 10^5
/// contigs.
const MAX_PATTERNS: usize = 1000;
/// The group of contigs that a table does not name.
const OTHER: &str = "other";
/// Groups by names, in the order of results.
const BY_NAME: [&str; 4] = ["chromosomes", "sex chromosomes", "organelles", "scaffolds"];
/// Largest number that is the name of a chromosome if nothing stands before it: only some plants and fish have more
/// chromosomes, and a fragmented assembly has more contigs.
const MAX_BARE_NUMBER: u32 = 99;
/// Most digits of the number of a chromosome.
const MAX_DIGITS: usize = 3;

/// A table from contigs to groups.
#[derive(Debug)]
pub struct GroupTable {
    path: PathBuf,
    /// Names of the groups, in the order of the table.
    names: Vec<String>,
    rows: Vec<TableRow>,
    _reservation: Reservation,
}

/// A row of a table.
#[derive(Debug)]
struct TableRow {
    /// Its line, from 1.
    line: u64,
    /// The name of a contig, or a pattern with `*`.
    contig: String,
    /// Its group, by number.
    group: u8,
}

impl GroupTable {
    /// Reads rows of a contig and its group, separated by a tab; further columns are notes. Empty lines, and lines that
    /// begin with `#`, are left out. A contig with `*` is a pattern, in which `*` stands for any letters or none.
    ///
    /// # Errors
    /// [`Error::Input`] for a row without two columns, a contig with two rows, more than [`MAX_GROUPS`] groups or a
    /// thousand patterns; [`Error::Memory`]; [`Error::Io`].
    pub fn read(source: &Source, budget: &Budget) -> Result<Self> {
        let mut reservation = budget.empty_reservation(Component::Input);
        let (mut names, mut rows): (Vec<String>, Vec<TableRow>) = (Vec::new(), Vec::new());
        let (mut patterns, mut first_lines) = (0, AHashMap::new());
        let mut lines = Lines::open(source, budget)?;
        while let Some((line, text)) = lines.next()? {
            let wrong = |problem: String| Error::input(source.path(), Some(line), problem);
            let text = std::str::from_utf8(text).map_err(|_| wrong("the line is not text in UTF-8".to_owned()))?;
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let mut columns = text.split('\t').map(str::trim);
            let (Some(contig), Some(name)) =
                (columns.next().filter(|c| !c.is_empty()), columns.next().filter(|c| !c.is_empty()))
            else {
                return Err(wrong("a row is a contig and its group, separated by a tab".to_owned()));
            };
            // The name is stored twice: in its row, and to find a second row.
            reservation.grow((2 * (contig.len() + size_of::<TableRow>())) as u64, "groups of contigs")?;
            if let Some(first) = first_lines.insert(contig.to_owned(), line) {
                let shown = shortened(contig);
                return Err(wrong(format!("{shown:?} has a row already, in line {first}; remove one of them")));
            }
            patterns += usize::from(contig.contains('*'));
            if patterns > MAX_PATTERNS {
                return Err(wrong(format!("there are more than {MAX_PATTERNS} patterns; name the contigs instead")));
            }
            let group = names.iter().position(|known| known == name).unwrap_or(names.len());
            if group == names.len() {
                if group == MAX_GROUPS {
                    let shown = shortened(name);
                    return Err(wrong(format!("{shown:?} is one group more than {MAX_GROUPS}; merge some groups")));
                }
                names.push(name.to_owned());
            }
            rows.push(TableRow { line, contig: contig.to_owned(), group: group as u8 });
        }
        Ok(Self { path: source.path().to_owned(), names, rows, _reservation: reservation })
    }

    /// Digest (BLAKE3) of the contigs and groups of all rows.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for row in &self.rows {
            for part in [&row.contig, &self.names[usize::from(row.group)]] {
                // Lengths separate one part from the next.
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The group of each contig: that of its own row, else that of the first pattern that fits, else `other`.
    ///
    /// # Errors
    /// [`Error::Input`] for a row whose contig the genome does not have. A pattern may fit none.
    pub fn assign(&self, contigs: &[Contig]) -> Result<ContigGroups> {
        let exist: AHashMap<&str, usize> = contigs.iter().enumerate().map(|(at, c)| (&c.name[..], at)).collect();
        let mut of_contig = vec![None; contigs.len()];
        let mut patterns: Vec<&TableRow> = Vec::new();
        for row in &self.rows {
            match exist.get(&row.contig[..]) {
                Some(&contig) => of_contig[contig] = Some(row.group),
                None if row.contig.contains('*') => patterns.push(row),
                None => {
                    let near = nearest_names(&row.contig, contigs.iter().map(|contig| &contig.name[..]));
                    let hint = match near.is_empty() {
                        true => "correct the name or remove the row".to_owned(),
                        false => format!("similar names: {}", near.join(", ")),
                    };
                    let problem = format!("the genome has no contig {:?}; {hint}", shortened(&row.contig));
                    return Err(Error::input(&self.path, Some(row.line), problem));
                }
            }
        }
        let mut names = self.names.clone();
        let other = names.iter().position(|name| name == OTHER).unwrap_or(names.len());
        if other == names.len() {
            names.push(OTHER.to_owned());
        }
        let group = |(contig, own): (&Contig, Option<u8>)| {
            let by_pattern = || patterns.iter().find(|row| fits(&row.contig, &contig.name)).map(|row| row.group);
            own.or_else(by_pattern).unwrap_or(other as u8)
        };
        let of_contig = contigs.iter().zip(of_contig).map(group).collect();
        Ok(ContigGroups { names, of_contig })
    }
}

/// Whether a name fits a pattern, in which `*` stands for any letters or none.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back());
    let (Some(mut rest), Some(last)) = (name.strip_prefix(first), last) else {
        return pattern == name;
    };
    for part in parts {
        // The first place is the best one, since it leaves most letters for the other parts.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The group of every contig of a genome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContigGroups {
    /// Names of the groups, of which some may have no contig.
    names: Vec<String>,
    /// Group of each contig, by number: a byte, which is nothing beside the contig itself.
    of_contig: Vec<u8>,
}

impl ContigGroups {
    /// Groups by the names of contigs: chromosomes, sex chromosomes, organelles, and all others as scaffolds.
    ///
    /// Letters count in either case, and only what follows the last `#` of a PanSN name (`sample#haplotype#chr1`) or
    /// stands after `_` from `chr` on.
    /// - Sex chromosomes: X, Y, Z and W, alone or behind `chr`, `chromosome`, `SUPER_` or `LG`; behind one of these also
    ///   with a number (`chrX1`). X is a number if the genome has IX or XI.
    /// - Chromosomes: a number of up to three digits with one letter after it or none (`2L`), and a Roman numeral up to
    ///   39, alone or behind `chr` etc., and there also with a letter before it (`chrA01`). Numbers alone count only if
    ///   none of the genome is above 99.
    /// - Organelles: M, MT, C, PT behind `chr`; MT, PT, and names that begin with `mito`, `chloroplast` or `plastid`.
    pub fn by_name(contigs: &[Contig]) -> Self {
        let names: Vec<NameParts> = contigs.iter().map(|contig| NameParts::of(&contig.name)).collect();
        let genome = GenomeNames {
            x_is_ten: names.iter().any(|name| ["ix", "xi"].contains(&&name.rest[..])),
            bare_numbers: !names.iter().any(|name| {
                !name.has_prefix && name.rest.parse::<u32>().map_or(is_number(&name.rest), |n| n > MAX_BARE_NUMBER)
            }),
        };
        let of_contig = names.iter().map(|name| name.group(&genome)).collect();
        Self { names: BY_NAME.map(str::to_owned).to_vec(), of_contig }
    }

    /// Names of the groups; a group may have no contig.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The group of a contig, as a number among [`names`](Self::names).
    pub fn group(&self, contig: usize) -> Option<usize> {
        self.of_contig.get(contig).map(|&group| usize::from(group))
    }
}

/// What the names of a genome together decide.
struct GenomeNames {
    /// X is the Roman numeral.
    x_is_ten: bool,
    /// Numbers alone are chromosomes.
    bare_numbers: bool,
}

/// The name of a contig in lower case, without what stands before the number or letter of a chromosome.
struct NameParts {
    has_prefix: bool,
    rest: String,
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl NameParts {
    fn of(name: &str) -> Self {
        let lower = name.rsplit('#').next().unwrap_or_default().to_ascii_lowercase();
        let start = lower.find("_chr").map_or(0, |at| at + 1);
        let text = &lower[start..];
        let stripped = ["chromosome", "chr", "super_", "lg"].iter().find_map(|prefix| text.strip_prefix(prefix));
        match stripped {
            Some(rest) => Self { has_prefix: true, rest: rest.trim_start_matches(['_', '-', '.']).to_owned() },
            None => Self { has_prefix: false, rest: lower },
        }
    }

    /// The group, as a number among [`BY_NAME`].
    fn group(&self, genome: &GenomeNames) -> u8 {
        let Self { has_prefix, rest } = self;
        let name = &rest[..];
        let is_organelle = ["mt", "pt", "mtdna", "cpdna"].contains(&name)
            || ["mito", "chloroplast", "plastid"].iter().any(|start| name.starts_with(start))
            || *has_prefix && ["m", "c", "pltd"].contains(&name);
        if is_organelle {
            return 2;
        }
        if name == "x" && genome.x_is_ten {
            return 0;
        }
        if let Some(number) = name.strip_prefix(['x', 'y', 'z', 'w'])
            && (number.is_empty() || *has_prefix && number.len() <= MAX_DIGITS && is_number(number))
        {
            return 1;
        }
        let is_chromosome = is_roman(name)
            || (*has_prefix || genome.bare_numbers) && is_numbered(name)
            || *has_prefix && name.strip_prefix(|c: char| c.is_ascii_lowercase()).is_some_and(is_numbered);
        if is_chromosome { 0 } else { 3 }
    }
}

/// Whether this is a number of up to three digits, with a letter after it or none.
fn is_numbered(name: &str) -> bool {
    let number = name.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(name);
    number.len() <= MAX_DIGITS && is_number(number)
}

/// Whether this is a Roman numeral from 1 to 39, in lower case.
fn is_roman(name: &str) -> bool {
    const ONES: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let ones = name.trim_start_matches('x');
    !name.is_empty() && name.len() - ones.len() <= 3 && ONES.contains(&ones)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contigs(names: &[&str]) -> Vec<Contig> {
        let contig = |name: &&str| Contig {
            name: (*name).to_owned(),
            description: String::new(),
            length: 10,
            start: 0,
            record: 0,
        };
        names.iter().map(contig).collect()
    }

    /// The group of each name.
    fn by_name(names: &[&str]) -> Vec<String> {
        let groups = ContigGroups::by_name(&contigs(names));
        (0..names.len()).map(|at| groups.names()[groups.group(at).expect("a contig")].clone()).collect()
    }

    #[test]
    fn names_of_common_assemblies_have_groups() {
        for (group, names) in [
            (
                "chromosomes",
                &["chr1", "chr01", "Chr12", "chromosome_3", "SUPER_4", "LG5", "chrA01", "chr2L", "HG002#1#chr7"][..],
            ),
            ("chromosomes", &["hap1_chr1", "chrIV", "chrXIX", "7", "2R", "1A"]),
            ("sex chromosomes", &["chrX", "X", "SUPER_Z", "chrW", "y", "chrX2", "HG002#2#chrY", "hap1_chrX"]),
            ("organelles", &["chrM", "MT", "chrMT", "ChrC", "Pt", "mitochondrion_genome", "chloroplast"]),
            ("scaffolds", &["chrUn_KI270302v1", "chr1_random", "chrX_KI270880v1_alt", "SUPER_1_unloc_2"]),
            ("scaffolds", &["scaffold_12", "NW_001", "ctg1", "x12", "chr", "", "#", "c", "Super-Scaffold_3"]),
        ] {
            assert_eq!(by_name(names), vec![group; names.len()], "{names:?}");
        }
    }

    #[test]
    fn the_other_names_decide_what_x_and_numbers_are() {
        let of_x = |names: &[&str]| by_name(names).pop().expect("the last name");
        assert_eq!(of_x(&["chrI", "chrV", "chrX"]), "sex chromosomes", "the worm");
        assert_eq!(of_x(&["chrIX", "chrXI", "chrX"]), "chromosomes", "yeast");
        assert_eq!(of_x(&["1", "2", "38"]), "chromosomes");
        assert_eq!(of_x(&["100", "101", "38"]), "scaffolds", "numbered contigs");
        assert_eq!(of_x(&["99999999999999999999", "38"]), "scaffolds");
    }

    #[test]
    fn a_pattern_fits_from_end_to_end() {
        for (pattern, name, expected) in [
            ("chr*", "chr1", true),
            ("chr*", "chr", true),
            ("chr*", "xchr1", false),
            ("*_random", "chr1_random", true),
            ("*_random", "chr1_random2", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("é*é", "ééé", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    fn read(text: &str) -> Result<GroupTable> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        GroupTable::read(&Source::new(file.path()), &Budget::new(4 << 20))
    }

    #[test]
    fn a_table_assigns_names_before_patterns() {
        let table = read("# contig\tgroup\nchr*\tautosomes\tnote\n\nchrX\tsex\r\nHLA*01\texact\nctg*\tnone\n");
        let table = table.expect("a table");
        let contigs = contigs(&["chr1", "chrX", "HLA*01", "HLA_01", "b"]);
        let groups = table.assign(&contigs).expect("all exist");
        assert_eq!(groups.names(), ["autosomes", "sex", "exact", "none", "other"]);
        let of: Vec<usize> = (0..5).filter_map(|at| groups.group(at)).collect();
        // A name with * that exists is no pattern.
        assert_eq!(of, [0, 1, 2, 4, 4]);
        let twin = read("chr*\tautosomes\nchrX\tsex\nHLA*01\texact\nctg*\tnone\n").expect("a table");
        assert_eq!(table.digest(), twin.digest());
        assert_ne!(table.digest(), read("chr*\tautosomes\nchrX\tX\n").expect("a table").digest());
    }

    #[test]
    fn wrong_tables_are_errors_with_their_line() {
        let groups: String = (0..=MAX_GROUPS).map(|n| format!("c{n}\tg{n}\n")).collect();
        let patterns: String = (0..=MAX_PATTERNS).map(|n| format!("c{n}*\tg\n")).collect();
        for (text, line, word) in [
            ("chr1 x\n", 1, "tab"),
            ("chr1\t\n", 1, "tab"),
            ("\n\tx\n", 2, "tab"),
            ("a\tx\nb\tx\na\ty\n", 3, "line 1"),
            (&groups, MAX_GROUPS as u64 + 1, "merge"),
            (&patterns, MAX_PATTERNS as u64 + 1, "patterns"),
        ] {
            let error = read(text).expect_err("wrong").to_string();
            assert!(error.contains(&format!("line {line}: ")) && error.contains(word), "{error}");
        }
        let unknown = read("chr1\tx\nscaffold_13\tx\n").expect("a table");
        let error = unknown.assign(&contigs(&["chr1", "scaffold_12"])).expect_err("no such contig").to_string();
        assert!(error.contains("line 2: ") && error.contains("scaffold_12"), "{error}");
    }
}
