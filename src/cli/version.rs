//! `--version -v`: what this program was built from and for, what it reads and writes, and which of the kernels that
//! are compiled for several instruction sets run on this machine. Made for reports of bugs, in lines `key: value`.

use std::ffi::OsString;
use std::fmt::Write;

use clap::{ArgAction, ValueEnum};

use super::annotation_files::CopyFormat;
use super::arguments::parser;
use super::query::RowFormat;
use crate::format::{FORMAT_VERSION, PART_FORMAT_VERSION};

/// The details, if the command line asks for the version with `-v`, before or after it.
pub(super) fn details(typed: &[OsString], allocator: &str) -> Option<String> {
    // The parser stops at `--version`, so it reads the line again as if that were a flag like others.
    let command = parser()
        .mut_arg("version", |version| version.action(ArgAction::SetTrue))
        .subcommand_required(false)
        .arg_required_else_help(false);
    let matches = command.try_get_matches_from(typed).ok()?;
    (matches.get_count("verbose") > 0).then(|| text(allocator))
}

fn text(allocator: &str) -> String {
    let mut lines = format!("reprise {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(lines, "{key}: {value}");
    };
    line("features", &features());
    line("target", env!("REPRISE_TARGET"));
    line("compiler", env!("REPRISE_COMPILER"));
    line("allocator", allocator);
    line("index format", &FORMAT_VERSION.to_string());
    line("index part format", &PART_FORMAT_VERSION.to_string());
    line("annotation part format", &crate::annotate::PART_FORMAT_VERSION.to_string());
    line("input formats", "FASTA, FASTQ, 2bit");
    line("input compression", &crate::sequence::Compression::ALL.map(|codec| codec.name()).join(", "));
    line("annotation formats", &values::<CopyFormat>());
    line("query formats", &values::<RowFormat>());
    for (work, kernel) in kernels() {
        line(&format!("kernel of {work}"), kernel.strip_prefix("x86_64+").unwrap_or(kernel));
    }
    lines
}

/// The allocator of a program that has no other.
pub const SYSTEM_ALLOCATOR: &str = if cfg!(target_env = "gnu") {
    "glibc"
} else if cfg!(target_env = "musl") {
    "musl"
} else {
    "system"
};

/// The Cargo features of this build.
fn features() -> String {
    let all = [("cli", cfg!(feature = "cli")), ("remote", cfg!(feature = "remote")), ("dhat", cfg!(feature = "dhat"))];
    let built: Vec<&str> = all.iter().filter(|(_, is_built)| *is_built).map(|(feature, _)| *feature).collect();
    built.join(", ")
}

/// The values of a flag.
fn values<T: ValueEnum>() -> String {
    let names = T::value_variants().iter().filter_map(|value| value.to_possible_value());
    names.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

/// What is printed for the code that runs on every machine of the target.
const PORTABLE: &str = "portable";

/// A function with the targets of a kernel that returns the one which `multiversion` chose. For AVX-512 it requires more
/// features than it is given, so processors before Ice Lake run AVX2.
macro_rules! chosen {
    ($name:ident, $($target:literal),+) => {
        #[multiversion::multiversion(targets($($target),+))]
        fn $name() -> &'static str {
            multiversion::target::match_target! {
                $($target => $target,)+
                _ => PORTABLE,
            }
        }
    };
}

chosen!(scan, "x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+bmi2");
chosen!(lanes, "x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2");
chosen!(sort, "x86_64+popcnt+bmi1+bmi2");
chosen!(band, "x86_64+avx2");

/// The kernels of this machine, each with its work.
fn kernels() -> [(&'static str, &'static str); 4] {
    [
        ("k-mers and minimizers", scan()),
        ("selection of records", sort()),
        ("extension of families and tandem repeats", lanes()),
        ("alignment with gaps", if crate::align::has_vector_band() { "x86_64+avx512f+avx512bw" } else { band() }),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Attributes `multiversion(targets(...))` of a file.
    fn targets(text: &str) -> Vec<String> {
        let lists = text.split("[multiversion::multiversion(targets(").skip(1);
        lists.filter_map(|rest| rest.split_once(')')).map(|(list, _)| list.to_owned()).collect()
    }

    fn add_targets(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the sources can be read") {
            let path = entry.expect("the sources can be read").path();
            if path.is_dir() {
                add_targets(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("cli/version.rs") {
                found.extend(targets(&std::fs::read_to_string(&path).expect("sources are UTF-8")));
            }
        }
    }

    #[test]
    fn the_kernels_are_those_of_the_sources() {
        let mut used = BTreeSet::new();
        add_targets(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        let printed = include_str!("version.rs").lines().filter_map(|line| line.strip_prefix("chosen!("));
        let printed = printed.filter_map(|rest| rest.split_once(", ")?.1.strip_suffix(");").map(str::to_owned));
        assert_eq!(used, printed.collect());
    }
}
