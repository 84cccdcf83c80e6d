//! Names of contigs that every program takes. RepeatMasker refuses names of more than 50 letters, and others stop at
//! characters that mean something in a shell, a path or a table.

use ahash::AHashSet;

use crate::genome::contig::Contig;

/// Letters of a name, at most: the limit of RepeatMasker.
const MAX_LETTERS: usize = 50;

/// The header of a table of names.
pub(crate) const NAME_HEADER: &str = "#short\tname";

/// Whether other programs take a name as it is: up to 50 letters, digits, `_`, `.` and `-`, the first no `-`.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MAX_LETTERS).contains(&name.len()) && name.bytes().all(is_plain) && !name.starts_with('-')
}

/// The contigs with plain names: `contig` and the number of the contig, from 1, for those that have none. No two are
/// equal.
pub(crate) fn short_names(contigs: &[Contig]) -> Vec<Contig> {
    let kept: AHashSet<&str> = contigs.iter().map(|contig| &contig.name[..]).filter(|name| is_plain(name)).collect();
    let rename = |(number, contig): (usize, &Contig)| {
        let mut name = contig.name.clone();
        if !is_plain(&name) {
            name = format!("contig{}", number + 1);
            while kept.contains(&name[..]) {
                name.push('x');
            }
        }
        Contig { name, description: String::new(), ..contig.clone() }
    };
    contigs.iter().enumerate().map(rename).collect()
}

/// The table of short names and those of the genome, with a header.
pub(crate) fn name_table(short: &[Contig], contigs: &[Contig]) -> Vec<u8> {
    let rows = short.iter().zip(contigs).map(|(short, contig)| format!("{}\t{}\n", short.name, contig.name));
    (format!("{NAME_HEADER}\n") + &rows.collect::<String>()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_odd_names_are_replaced_and_none_twice() {
        let contig =
            |name: &str| Contig { name: name.to_owned(), description: "d".into(), length: 1, start: 0, record: 0 };
        let (long, just) = ("x".repeat(51), "y".repeat(50));
        let names = ["chr1", "contig2", "a;b", &long, &just, "-x", "contig6", "gi|5|ref", "é", "contig2x"];
        let contigs = names.map(contig);
        let short = short_names(&contigs);
        let names: Vec<&str> = short.iter().map(|contig| &contig.name[..]).collect();
        let expected =
            ["chr1", "contig2", "contig3", "contig4", &just, "contig6x", "contig6", "contig8", "contig9", "contig2x"];
        assert_eq!(names, expected);
        let table = String::from_utf8(name_table(&short, &contigs)).expect("UTF-8");
        assert!(table.starts_with("#short\tname\nchr1\tchr1\ncontig2\tcontig2\ncontig3\ta;b\n"), "{table}");
    }

    #[test]
    fn a_replacement_avoids_names_that_are_kept() {
        let contig =
            |name: &str| Contig { name: name.to_owned(), description: "".into(), length: 1, start: 0, record: 0 };
        let short = short_names(&["a b", "contig1", "contig1x"].map(contig));
        assert_eq!(short[0].name, "contig1xx");
    }
}
