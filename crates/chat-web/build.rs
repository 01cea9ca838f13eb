//! Says when the built client has to be embedded anew: the compiler sees what became of its files, but no new ones.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Debug builds read the files when they are asked for.
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return;
    }
    // Cargo would run this every time for a folder that is not there.
    let dist = Path::new("../../web/dist");
    let watched = if dist.exists() { dist } else { Path::new("../../web") };
    println!("cargo::rerun-if-changed={}", watched.display());
}
