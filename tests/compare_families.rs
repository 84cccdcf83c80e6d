//! `tools/compare_families` scores libraries and masks by its own code, on which published figures depend.

mod common;

use common::{quick_folder, tool};

/// Python that checks the functions of the script, which has no suffix and is loaded by its path.
const CHECKS: &str = r#"
import importlib.machinery, importlib.util, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("tool", sys.argv[1])
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("tool", loader))
loader.exec_module(tool)

def equal(got, expected):
    assert got == expected, f"{got} instead of {expected}"

equal(tool.covered([]), 0)
equal(tool.covered([(5, 9), (0, 3), (2, 6), (20, 30), (22, 25)]), 19)
equal(tool.between("9", "3"), (2, 9))
equal(tool.cut_lengths({"a": 10, "b": 20, "c": 5}, 25), {"a": 10, "b": 15})
equal(tool.cut_lengths({"a": 10}, 99), {"a": 10})
equal(list(tool.clip([("a", 5, 15, "x"), ("a", 10, 12), ("b", 0, 9)], {"a": 10})), [("a", 5, 10, "x")])
rows = [("c", 0, 9, "x", "1"), ("c", 20, 29, "x", "1"), ("c", 40, 49, "x", "2")]
equal(tool.frequent_families(rows), set())
equal(tool.frequent_families([*rows, ("c", 60, 69, "x", "3")]), {"x"})
equal(tool.frequent_families([("c", 0, 9, "y", None)] * 3), {"y"})

# One whole and exact family, one of two pieces with long flanks, one that is too different, one without a family.
true = {"t1": 1000, "t2": 1000, "t3": 1000, "t4": 1000}
mine = {"whole": 995, "left": 900, "right": 2000, "far": 1000, "none": 300}
alignments = [
    ("whole", "t1", 98.0, (0, 995), (0, 996)),
    ("left", "t2", 97.0, (100, 600), (0, 500)),
    ("right", "t2", 85.0, (0, 450), (480, 930)),
    ("far", "t3", 79.0, (0, 1000), (0, 1000)),
    ("none", "t4", 99.0, (0, 60), (0, 60)),
]
expected = {"perfect": 1, "found": 2, "exact": 1, "of": 4, "families": 5, "per true": 2.0, "unmatched": 1}
equal(tool.score_library(alignments, true, mine), expected)
equal(tool.score_library([], true, {})["per true"], None)
# A family of a planted sequence with too few copies matches, and counts for no true family.
scores = tool.score_library([("x", "rare", 99.0, (0, 400), (0, 400)), *alignments], true, {"x": 400, **mine})
equal((scores["per true"], scores["unmatched"]), (2.0, 1))
# A family with other sequence at one end is neither perfect nor exact.
longer = [("whole", "t1", 98.0, (0, 1000), (0, 1000))]
scores = tool.score_library(longer, {"t1": 1000}, {"whole": 1100})
equal((scores["perfect"], scores["found"], scores["exact"]), (0, 1, 0))

truth = [("c", 0, 10, "x"), ("c", 8, 20, "tandem")]
scores = tool.score_mask({"c": 100}, truth, [("c", 5, 30), ("c", 28, 30)])
equal(scores, {"sensitivity": 50.0, "precision": 100 * 5 / 15, "F1": 100 * 10 / 25})
equal(tool.score_mask({"c": 9}, [], [])["F1"], None)
"#;

#[test]
fn libraries_and_masks_are_scored_as_documented() {
    let Some(mut python) = tool("python3") else { return };
    let folder = quick_folder();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/compare_families");
    let output = python.args(["-c", CHECKS, script]).current_dir(folder.path()).output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
