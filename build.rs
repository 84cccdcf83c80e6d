//! Passes the target and the version of the compiler to `reprise --version -v`, which prints them in reports of bugs.

use std::env;
use std::process::Command;

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let compiler = env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let compiler = compiler.and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=REPRISE_TARGET={target}");
    println!("cargo::rustc-env=REPRISE_COMPILER={}", compiler.as_deref().map_or("unknown", str::trim));
    println!("cargo::rerun-if-changed=build.rs");
}
