//! A short run of `tools/fuzz_command_line`: mutated inputs, flags and values for every command must not end in a
//! panic, a hang or an undocumented exit code, nor leave a temporary file.

mod common;

use common::{quick_folder, tool};

#[test]
fn mutated_inputs_end_in_a_documented_exit_code() {
    let Some(mut python) = tool("python3") else { return };
    let folder = quick_folder();
    let output = python
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/fuzz_command_line"))
        // Two minutes are far more than any of these takes on a busy machine.
        .args(["--program", env!("CARGO_BIN_EXE_reprise"), "--cases", "300", "--jobs", "4", "--timeout", "120"])
        .args(["--keep", "findings", "--scratch", "."])
        .current_dir(folder.path())
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("300 cases; none failed"), "{said}");
}
