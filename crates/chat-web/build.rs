//! Tells cargo when to embed the built client again: the compiler notices changed files, but no new ones.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the files at run time.
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return;
    }
    // For a folder that does not exist, cargo would run this on every build.
    let dist = Path::new("../../web/dist");
    let watched = if dist.exists() { dist } else { Path::new("../../web") };
    println!("cargo::rerun-if-changed={}", watched.display());
}
