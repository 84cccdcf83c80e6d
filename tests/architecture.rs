//! The structure of `src/`: the two module tables are true, no files import each other in a circle, no function is
//! long. Tables and diagrams that nothing checks are soon wrong.

#[path = "architecture/imports.rs"]
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::Sources;

/// Lines of a function, from its `fn` to its closing brace.
const MAX_FUNCTION_LINES: usize = 80;
/// The files with a table of modules.
const TABLES: [&str; 2] = ["src/lib.rs", "docs/architecture.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A row `| module | contents | uses |`.
#[derive(Debug, PartialEq, Eq)]
struct TableRow {
    /// Modules of the row, in its order.
    modules: Vec<String>,
    /// Modules that they use according to the row.
    uses: BTreeSet<String>,
}

/// The rows of the table of modules in a file. The last column names modules, or is `all above` or `all above but`
/// some.
fn table(file: &str) -> Vec<TableRow> {
    let text = fs::read_to_string(root().join(file)).expect("the file can be read");
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let table =
        lines.skip_while(|line| *line != "| module | contents | uses |").take_while(|line| line.starts_with('|'));
    let mut rows: Vec<TableRow> = Vec::new();
    for line in table.skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 3, "{file}: {line}");
        let named = quoted(cells[2]);
        let uses = if cells[2].trim_start().starts_with("all above") {
            // The modules of the first row are for all and named nowhere.
            let above = rows.iter().skip(1).flat_map(|row| row.modules.clone());
            above.filter(|module| !named.contains(module)).collect()
        } else {
            named.into_iter().collect()
        };
        rows.push(TableRow { modules: quoted(cells[0]), uses });
    }
    assert!(!rows.is_empty(), "{file} has no table | module | contents | uses |");
    rows
}

/// The words of a cell in backticks, without a final slash.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|word| word.trim_end_matches('/').to_owned()).collect()
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_tables_of_modules_are_true() {
    let sources = Sources::read(&root().join("src"));
    let uses = sources.uses_of_modules();
    let mut problems = Vec::new();
    for file in TABLES {
        let rows = table(file);
        let listed: Vec<&String> = rows.iter().flat_map(|row| &row.modules).collect();
        for module in uses.keys().filter(|module| !listed.contains(module)) {
            problems.push(format!("{file}: `{module}` has no row"));
        }
        for module in listed.iter().filter(|module| !uses.contains_key(**module)) {
            problems.push(format!("{file}: there is no module `{module}`"));
        }
        check_uses(file, &rows, &uses, &mut problems);
    }
    let [first, second] = TABLES.map(|file| table(file).into_iter().map(|row| row.modules).collect::<Vec<_>>());
    if first != second {
        problems.push(format!("{} and {} have other rows: {first:?} and {second:?}", TABLES[0], TABLES[1]));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Compares the last column with what the code imports, and checks that it only names rows above. The modules of the
/// first row are for all, so no other row names them.
fn check_uses(
    file: &str,
    rows: &[TableRow],
    uses: &BTreeMap<String, BTreeMap<String, String>>,
    problems: &mut Vec<String>,
) {
    let for_all = &rows[0].modules;
    let mut above: Vec<&String> = Vec::new();
    for row in rows {
        let name = list(&row.modules);
        let mut used = BTreeMap::new();
        for (module, import) in row.modules.iter().filter_map(|module| uses.get(module)).flatten() {
            if !row.modules.contains(module) && !for_all.contains(module) {
                used.insert(module.clone(), import);
            }
        }
        let code: BTreeSet<String> = used.keys().cloned().collect();
        if code != row.uses {
            problems.push(format!("{file}: {name} uses {}, but the table says {}", list(&code), list(&row.uses)));
        }
        for (module, import) in used.iter().filter(|(module, _)| !above.contains(module)) {
            problems.push(format!("{file}: {name} uses `{module}`, which is not above it: {import}"));
        }
        above.extend(&row.modules);
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = Sources::read(&root().join("src"));
    let circles = sources.circles();
    assert!(circles.is_empty(), "\nfiles that import each other in a circle:\n\n{}\n", circles.join("\n\n"));
}

#[test]
fn no_function_is_long() {
    let mut long = Vec::new();
    for file in files(&root().join("src")) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        let lines: Vec<&str> = text.lines().collect();
        let name = file.strip_prefix(root()).expect("below the root").display().to_string();
        for (start, end) in functions(&lines) {
            if end - start >= MAX_FUNCTION_LINES {
                long.push((end - start + 1, format!("{name}:{}: {}", start + 1, lines[start].trim())));
            }
        }
    }
    long.sort_by(|a, b| b.cmp(a));
    let list: Vec<String> = long.iter().map(|(length, place)| format!("{length:>4} lines  {place}")).collect();
    assert!(list.is_empty(), "\nfunctions of more than {MAX_FUNCTION_LINES} lines:\n{}\n", list.join("\n"));
}

/// First and last line of every function outside test modules. The code is formatted, so a closing brace has the
/// indentation of its `fn`.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let closing = |start: usize| {
        let end = format!("{}}}", indentation(lines[start]));
        (start..lines.len()).find(|&at| lines[at].trim_end_matches([',', ';']) == end)
    };
    let mut functions = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_test_module = lines[at].trim_start().starts_with("mod ")
            && lines[at].ends_with('{')
            && at > 0
            && lines[at - 1].trim() == "#[cfg(test)]";
        if is_test_module {
            at = closing(at).unwrap_or(lines.len());
        } else if is_function(lines[at]) {
            // The line that ends the signature: a declaration ends with a semicolon, a short function with its brace.
            let signature = (at..lines.len()).find(|&line| {
                (line == at || indentation(lines[line]) == indentation(lines[at]))
                    && lines[line].ends_with(['{', ';', '}'])
            });
            if let Some(line) = signature.filter(|&line| lines[line].ends_with('{')) {
                functions.extend(closing(line).map(|end| (at, end)));
            }
        }
        at += 1;
    }
    functions
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"C\"" | "default")
    });
    words.next() == Some("fn")
}

/// The files of a folder and of those below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn functions_are_found_whole() {
    let text = "\
pub(crate) fn short() -> u8 { 1 }
trait T {
    fn declared(&self);
}
impl A {
    pub const fn long(
        &self,
        a: u8,
    ) -> u8
    where
        B: C,
    {
        if a { 1 } else {
            2
        }
    }
}
#[cfg(test)]
mod tests {
    fn left_out() {
        1
    }
}
fn last() {
    f(|x| {
    });
}
";
    assert_eq!(functions(&text.lines().collect::<Vec<_>>()), [(5, 15), (23, 26)]);
}
