//! What is published is whole: the package of the crate has all that it is built from, the recipes and wrappers name
//! the version of the crate, and the program reports what it was built with.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{listing, run};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Files below a folder of the repository, relative to the root.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in listing(&root().join(folder)) {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_package_contains_what_it_is_built_from() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["package", "--list", "--allow-dirty", "--offline"]).current_dir(root());
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).expect("names are UTF-8");
    // Those that Cargo adds.
    let added = ["Cargo.toml.orig", ".cargo_vcs_info.json"];
    let packed: BTreeSet<&str> = list.lines().filter(|name| !added.contains(name)).collect();

    let mut expected = [files("src"), files("examples")].concat();
    let others = ["build.rs", "CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
    expected.extend(others.map(str::to_owned));
    assert_eq!(packed, expected.iter().map(String::as_str).collect());
}

#[test]
fn recipes_and_wrappers_name_the_version_of_the_crate() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("recipes/bioconda/meta.yaml", format!("{{% set version = \"{version}\" %}}")),
        ("tools/galaxy/macros.xml", format!("    <token name=\"@TOOL_VERSION@\">{version}</token>")),
        ("tools/snakemake_wrapper/environment.yaml", format!("  - reprise-genome ={version}")),
        ("python/Cargo.toml", format!("version = \"{version}\"")),
    ] {
        assert!(text(file).lines().any(|other| other == line), "{file} has no line {line:?}");
    }
    // The name of the packages.
    assert_eq!(env!("CARGO_PKG_NAME"), "reprise-genome");
    assert!(text("python/pyproject.toml").contains("\nname = \"reprise-genome\"\n"));
}

#[test]
fn the_version_has_details_with_v() {
    let here = Path::new(".");
    let line = format!("reprise {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["--version"][..], &["-V"]] {
        assert_eq!(run(here, arguments).fine().out, line);
    }
    let details = run(here, &["--version", "-v"]).fine().out;
    for arguments in [&["-V", "-v"][..], &["-v", "-V"], &["-Vv"], &["--verbose", "--version"]] {
        assert_eq!(run(here, arguments).fine().out, details, "{arguments:?}");
    }

    let (first, rest) = details.split_once('\n').expect("a line");
    assert_eq!(first, line.trim_end());
    let rows: Vec<(&str, &str)> = rest.lines().map(|line| line.split_once(": ").expect("a key and a value")).collect();
    let value = |key: &str| rows.iter().find(|row| row.0 == key).map(|row| row.1).unwrap_or_else(|| panic!("no {key}"));
    assert!(value("features").split(", ").any(|feature| feature == "cli"), "{details}");
    assert_eq!(value("features").contains("remote"), cfg!(feature = "remote"), "{details}");
    assert!(value("target").starts_with(std::env::consts::ARCH), "{details}");
    assert!(value("compiler").starts_with("rustc "), "{details}");
    assert_eq!(value("index format"), reprise::format::FORMAT_VERSION.to_string());
    assert_eq!(value("index part format"), reprise::format::PART_FORMAT_VERSION.to_string());
    assert_eq!(value("annotation part format"), "1");
    assert_eq!(value("input formats"), "FASTA, FASTQ, 2bit");
    assert_eq!(value("input compression"), "gzip, zstd, bzip2, xz");
    assert!(value("annotation formats").starts_with("tsv, bed, gff3"), "{details}");
    assert_eq!(value("query formats"), "tsv, bedgraph, bigwig, jsonl");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert_eq!(value("allocator"), "glibc");
    }
    let kernels: Vec<_> = rows.iter().filter(|row| row.0.starts_with("kernel of ")).collect();
    assert_eq!(kernels.len(), 4, "{details}");
    for (_, features) in kernels {
        assert!(!features.is_empty() && !features.contains("x86_64"), "{details}");
    }
    let page = "docs/exit-codes-and-environment.md";
    let reference = text(page);
    for (key, _) in rows {
        let key = if key.starts_with("kernel of ") { "kernel of ..." } else { key };
        assert!(reference.contains(&format!("`{key}`")), "{page} has no {key}");
    }
    // Other flags are not details, and `-v` of a command is not one of the version.
    assert_eq!(run(here, &["--version", "-q"]).fine().out, line);
}
