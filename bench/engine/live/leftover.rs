//! What a run that was killed in the dark has left beside the new one: checkpoints of its work, which only a run's own end removes.
//!
//! They are told of and left alone: a command's own state may be all that is left of somebody's work. Not here: folders of other roots.

use record::{CHECKPOINTS, Folder, RUN, SUMS};
use std::os::unix::net::UnixStream;
use std::path::Path;
use toml::Table;

/// Every run beside `own` that did not end as it should, is not under way and has checkpoints, in words.
pub(super) fn beside(own: &Folder) -> Vec<String> {
    let Some(root) = own.path().parent() else { return Vec::new() };
    // What cannot be listed tells nothing; a run is not refused for it.
    let others = Folder::list(root).unwrap_or_default().into_iter().filter(|run| run.path() != own.path());
    others
        .filter_map(|run| Some((run.checkpoints()?, run)))
        .filter(|(_, run)| !run.file(SUMS).exists() && !under_way(run))
        .map(|(bytes, run)| told(bytes, &run))
        .collect()
}

fn told(bytes: u64, run: &Folder) -> String {
    format!(
        "the run {} was killed and left {:.1} MB of its work's state in {}: no run goes on from it; see whether you want it, and remove it",
        run.name(),
        bytes as f64 / 1e6,
        run.file(CHECKPOINTS).display()
    )
}

/// Somebody answers at its session's socket.
fn under_way(run: &Folder) -> bool {
    let manifest: Option<Table> = run.text(RUN).ok().and_then(|text| text.parse().ok());
    let socket = manifest.as_ref().and_then(|m| m.get("session")?.get("socket")?.as_str());
    socket.is_some_and(|socket| UnixStream::connect(Path::new(socket)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_what_nobody_works_on_is_told_of() {
        let root = tempfile::tempdir().expect("a folder");
        let at = "2026-06-21T00:00:00Z".parse().expect("an instant");
        let run = |name: &str, socket: &Path, left: bool| {
            let folder = Folder::create(root.path(), at, name, "r").expect("a new folder");
            folder.replace(RUN, format!("schema = 1\n[session]\nsocket = \"{}\"\npid = 1\n", socket.display()).as_bytes()).expect("room");
            if left {
                fs::create_dir(folder.file(CHECKPOINTS)).expect("room");
                fs::write(folder.file(CHECKPOINTS).join("work-0.checkpoint"), vec![1; 3_000_000]).expect("room");
            }
            folder
        };
        let (gone, served) = (root.path().join("gone"), root.path().join("served"));
        let _listening = UnixListener::bind(&served).expect("a socket");
        let own = run("own", &gone, true);
        let killed = run("killed", &gone, true);
        run("clean", &gone, false);
        run("working", &served, true);
        run("kept", &gone, true).replace(SUMS, b"").expect("room");
        let told = beside(&own);
        assert!(told.len() == 1 && told[0].contains(&killed.name()) && told[0].contains("3.0 MB"), "{told:?}");
    }
}
