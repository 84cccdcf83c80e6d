//! Validates every JSON output against its schema, checks that every schema is used, and that schemas are strict: a
//! missing, misspelt or new member fails.

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{Bench, PLAIN, Ran, command, copy_index, ended, fasta, repetitive_genome};
use jsonschema::{Retrieve, Uri, Validator};
use reprise::formats::Format;
use reprise::memory::Component;
use reprise::query::{Detail, Sequences, query_sequences};
use reprise::sequence::Region;
use reprise::{Index, Silent};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

fn parsed(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the file is there")).expect("JSON")
}

/// Schemas refer to each other by file name.
struct Beside;

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.path().as_str().trim_start_matches('/');
        Ok(serde_json::from_slice(&std::fs::read(folder().join(name))?)?)
    }
}

/// All schemas by name, `query-kmer-row` for `query-kmer-row.schema.json`, and the names of those that were used.
struct Schemas {
    all: BTreeMap<String, Value>,
    used: RefCell<BTreeSet<String>>,
}

impl Schemas {
    fn read() -> Self {
        let names = common::listing(&folder());
        let names = names.iter().filter_map(|name| name.strip_suffix(".schema.json"));
        let read = |name: &str| (name.to_owned(), parsed(&folder().join(format!("{name}.schema.json"))));
        Self { all: names.map(read).collect(), used: RefCell::default() }
    }

    fn validator(&self, name: &str) -> Validator {
        let schema = self.all.get(name).unwrap_or_else(|| panic!("there is no schema {name}"));
        jsonschema::options().with_retriever(Beside).build(schema).expect("a schema")
    }

    /// Asserts that all values are valid by a schema.
    #[track_caller]
    fn check(&self, name: &str, values: &[Value]) {
        let validator = self.validator(name);
        assert!(!values.is_empty(), "nothing to check by {name}");
        for value in values {
            let errors: Vec<String> =
                validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}\n{value:#}");
        }
        self.used.borrow_mut().insert(name.to_owned());
    }
}

/// Every JSON output of the program.
#[test]
fn every_json_output_is_valid() {
    let schemas = Schemas::read();
    let bench = Bench::new(41, 30_000, 11, &[]);
    let at = bench.at();
    let ran = |words: &str| bench.run(&words.split(' ').collect::<Vec<_>>()).fine();
    let object = |name: &str, words: &str| schemas.check(name, &[ran(words).json()]);
    let rows = |name: &str, words: &str| schemas.check(name, &ran(words).json_lines());

    // build-index, in both layouts, with and without filters.
    let filters = "--prefix-names --min-frequency 2 --max-frequency 50 --max-positions 7";
    for (index, options) in [("s", "-k 21 --min-frequency 1".to_owned()), ("f", format!("-k 9 {filters}"))] {
        object("build-plan", &format!("build-index g.fa -o {index}.reprise --dry-run --json {options}"));
        object("build-summary", &format!("build-index g.fa -o {index}.reprise --json {options}"));
        object("manifest", &format!("info {index}.reprise --json"));
        schemas.check("manifest", &[parsed(&at.join(format!("{index}.reprise/manifest.json")))]);
    }

    // build-index by parts, and merge-index.
    for number in ["1", "2"] {
        let part = format!("build-index g.fa -o part{number} --shard {number}/2 --json");
        object("build-plan", &format!("{part} --dry-run"));
        object("build-part-summary", &part);
        schemas.check("part-manifest", &[parsed(&at.join(format!("part{number}/manifest.json")))]);
    }
    object("merge-index-summary", "merge-index part1 part2 -o merged.reprise --json");

    // info, list, verify, spectrum, demo.
    object("spectrum", "spectrum g.reprise --json");
    object("demo", "demo --bases 100000 --json");
    object("info-memory", "info g.reprise --memory --json");
    rows("info-contig-row", "info g.reprise --contigs --json");
    object("info-check", "info g.reprise --check g.fa --json");
    bench.write("other.fa", fasta(&repetitive_genome(42, 20_000), &PLAIN));
    let other = bench.run(&["info", "g.reprise", "--check", "other.fa", "--json"]);
    assert_eq!((other.code, other.json()["same"].as_bool()), (3, Some(false)));
    schemas.check("info-check", &[other.json()]);
    let damaged = copy_index(&at.join("g.reprise"), &at.join("damaged.reprise"));
    std::fs::remove_file(damaged.join("positions.blk")).expect("there");
    std::fs::create_dir(at.join(".u.reprise.building")).expect("the folder is new");
    rows("list-row", "list --json");
    for depth in ["", " --quick", " --deep"] {
        object("verify", &format!("verify s.reprise --json{depth}"));
    }

    object("spectrum", "spectrum s.reprise --json");
    object("demo", "demo --bases 100000 --json");

    // compare, set.
    ran("build-index other.fa -o other.reprise -q -k 21 --min-frequency 1");
    object("compare", "compare s.reprise other.reprise --json");
    for format in ["tsv", "kmers", "bed"] {
        object(
            "set-summary",
            &format!("set subtract s.reprise other.reprise --format {format} -o set.txt --json --force"),
        );
    }

    // query: every kind of row.
    rows("query-kmer-row", "query g.reprise --kmer ACGTACGTACG AAAAAAAAAAA --format jsonl");
    let frequent = common::text(bench.oracle.sorted().into_iter().max_by_key(|row| row.1).expect("k-mers").0);
    for positions in ["--positions", "--positions=2"] {
        rows("query-kmer-row", &format!("query f.reprise --kmer {} {positions} --format jsonl", &frequent[..9]));
    }
    rows("query-sequence-row", "query g.reprise g.fa --format jsonl");
    rows("query-sequence-row", "query g.reprise --region chr1:1-1000 --format jsonl");
    rows("query-per-kmer-row", "query g.reprise --region chr1:1-1000 --per-kmer --format jsonl");
    let index = Index::open(at.join("g.reprise")).expect("an index");
    let regions = [Region { contig: "chr1".to_owned(), range: 0..1000 }];
    let mut runs = Vec::new();
    query_sequences(&index, Sequences::Regions(&regions), Detail::Runs, None, &Format::JsonLines, &mut runs, &Silent)
        .expect("rows");
    let runs = Ran { code: 0, out: String::from_utf8(runs).expect("UTF-8"), err: String::new() };
    schemas.check("query-run-row", &runs.json_lines());

    // Memory reports, on standard error and in a file, with a plan and without.
    let ran_with_report = ran("build-index g.fa -o m.reprise -q --json --memory-report");
    schemas.check("memory-report", &[serde_json::from_str(&ran_with_report.err).expect("JSON")]);
    ran("verify g.reprise --json --memory-report=memory.json");
    schemas.check("memory-report", &[parsed(&at.join("memory.json"))]);

    // Repeats, in a genome with many kinds.
    object("simulate-summary", "simulate -o sim --seed 7 --bases 150000 --families 5 --divergence 1-12 --json");
    ran("build-index sim/genome.fa -o r.reprise -q");
    rows("annotate-row", "annotate r.reprise --library sim/library.fa --formats jsonl");
    object("annotate-summary", "annotate r.reprise --library sim/library.fa -o copies --json");
    ran("annotate r.reprise --library sim/library.fa --shard 1/1 -o part -q");
    object("annotate-summary", "merge-annotation part -o merged --json");
    object("mask-summary", "mask r.reprise --annotation copies.bed -o masked.fa --json");
    object("benchmark-library", "benchmark sim/library.fa --truth sim/library.fa --json");
    let masks = "--truth sim/truth.bed --genome r.reprise --skip tandem --json";
    object("benchmark-masks", &format!("benchmark copies.bed {masks}"));
    rows("classify-row", "classify sim/library.fa --format jsonl");
    object("classify-summary", "classify sim/library.fa -o classes.tsv --json");
    object("candidates-summary", "candidates r.reprise -o c.paf --json");
    rows("families-row", "families r.reprise --format jsonl");
    object("families-summary", "families r.reprise -o f.fa --json");
    object("detect-summary", "detect r.reprise -o out --json --substitution-rate 1e-8 --tandem");
    object("detect-summary", "detect r.reprise -o alone --library sim/library.fa --library-only --json");
    schemas.check("detect-summary", &[parsed(&at.join("out/summary.json"))]);
    object("detect-plan", "detect r.reprise -o planned --shards 3 --plan -");
    object("report-summary", "report out alone --json -o two.html");
    ran("build-index sim/genome.fa -o q.reprise -q --multiqc kmers_mqc.json");
    let mut sections: Vec<_> =
        common::listing(&at.join("out")).into_iter().filter(|name| name.ends_with("_mqc.json")).collect();
    sections = sections.into_iter().map(|name| format!("out/{name}")).chain(["kmers_mqc.json".to_owned()]).collect();
    assert_eq!(sections.len(), 4);
    schemas.check("multiqc", &sections.iter().map(|name| parsed(&at.join(name))).collect::<Vec<_>>());
    // With the times of the run, which SOURCE_DATE_EPOCH leaves out.
    let mut timed = command(at, &["detect", "r.reprise", "-o", "timed", "--json"]);
    let timed = ended(timed.env_remove("SOURCE_DATE_EPOCH").spawn().expect("the program starts")).fine().json();
    assert!(timed["run"].is_object());
    schemas.check("detect-summary", &[timed]);

    let unused: Vec<_> = schemas.all.keys().filter(|name| !schemas.used.borrow().contains(*name)).collect();
    assert!(unused.is_empty(), "no output was checked by {unused:?}");
}

#[test]
fn the_memory_report_names_every_component() {
    let schemas = Schemas::read();
    let names = &schemas.all["memory-report"]["properties"]["components"]["propertyNames"]["enum"];
    let all: Vec<&str> = Component::ALL.iter().map(|component| component.name()).collect();
    assert_eq!(*names, serde_json::json!(all));
}

/// Members that may be absent: (schema, member).
const OPTIONAL: [(&str, &str); 9] = [
    ("query-kmer-row", "positions"),
    ("query-kmer-row", "listed"),
    ("build-plan", "prefixed_names"),
    ("build-plan", "part"),
    ("part-manifest", "contigs.bin"),
    ("part-manifest", "sequence.2bit"),
    ("manifest", "prefixed_names"),
    ("detect-summary", "cache"),
    ("families-row", "subfamily_of"),
];

/// Calls `each` for a schema and all schemas within it.
fn every_part<'s>(schema: &'s Value, each: &mut impl FnMut(&'s Value)) {
    each(schema);
    let maps = ["properties", "$defs"].iter().filter_map(|key| schema[key].as_object()).flat_map(|map| map.values());
    let lists = ["anyOf", "oneOf", "allOf", "prefixItems"].iter().filter_map(|key| schema[key].as_array()).flatten();
    let single = ["items", "additionalProperties"].iter().map(|key| &schema[key]).filter(|part| part.is_object());
    maps.chain(lists).chain(single).for_each(|part| every_part(part, each));
}

#[test]
fn schemas_are_valid_and_strict() {
    let schemas = Schemas::read();
    assert!(schemas.all.len() >= 23);
    for (name, schema) in &schemas.all {
        if let Err(error) = jsonschema::meta::validate(schema) {
            panic!("{name}: {error}");
        }
        schemas.validator(name);
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
        every_part(schema, &mut |part| {
            let Some(members) = part["properties"].as_object() else { return };
            assert_eq!(part["additionalProperties"], false, "{name} takes members that it does not name: {part:#}");
            let required: BTreeSet<&str> =
                part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            for (member, value) in members {
                assert!(required.contains(&member[..]) != OPTIONAL.contains(&(name, member)), "{name}: {member}");
                let says = ["type", "enum", "const", "$ref", "anyOf", "oneOf"].iter().any(|key| !value[key].is_null());
                assert!(says, "{name}: {member} may be anything");
            }
            assert!(required.iter().all(|member| members.contains_key(*member)), "{name}: {required:?}");
        });
    }
}
