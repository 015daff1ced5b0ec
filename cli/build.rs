//! Lays the release program out: what peers use while they start, wait and now and then talk lies together.
//!
//! Of a node that waits, most of what is resident is its code, and the kernel maps code in pieces of 64 KiB around what
//! is used. So the quarter of the code that a peer uses, scattered all over it, makes three quarters of it resident.
//! `layout/used` lists that quarter as `layout/trace` has seen it. The rest follows as it comes, and names of functions that
//! there are no more do nothing: a stale list costs memory, and nothing else.
//!
//! And it packs the relocations: unpacked, the loader reads 640 KB of them at each start, and they stay resident.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

/// Where rustc links with LLD unless it is told otherwise. Others may not understand, or take minutes for this.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Since then glibc starts programs whose relocations are packed (DT_RELR).
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout/used");
    if is("TARGET", TARGET) && is("PROFILE", "release") && !has_another_linker() {
        let out = env::var_os("OUT_DIR").expect("cargo says where to write");
        let script = Path::new(&out).join("layout.ld");
        fs::write(&script, script_of(&fs::read_to_string("layout/used")?))?;
        println!("cargo::rustc-link-arg-bins=-Wl,--script={}", script.display());
        if libc_version().is_some_and(|version| version >= PACKED_SINCE) {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
    Ok(())
}

/// Of the machine's glibc, as `getconf` tells it: `glibc 2.36`.
fn libc_version() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn is(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|found| found == value)
}

fn has_another_linker() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    env::var_os("RUSTC_LINKER").is_some() || flags.contains("link")
}

/// A linker script that puts sections of these names in front of all other code, and leaves all else as it is.
fn script_of(used: &str) -> String {
    let mut script = String::from("SECTIONS { .text.used : { *(\n");
    for name in used.lines() {
        // Functions that are marked as cold are in sections of their own kind.
        writeln!(script, ".text.{name} .text.unlikely.{name}").expect("a string takes all");
    }
    script.push_str(") } } INSERT BEFORE .text;\n");
    script
}
