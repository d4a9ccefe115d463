//! Hands the commit to the program, so that a run folder says what flew it. Without git (a released archive) it is `unknown`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/index");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).filter(|c| !c.is_empty());
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.is_empty());
    let commit = commit.map_or_else(|| "unknown".to_owned(), |c| if dirty { format!("{c}+changes") } else { c });
    println!("cargo:rustc-env=ORBITBENCH_COMMIT={commit}");
}
