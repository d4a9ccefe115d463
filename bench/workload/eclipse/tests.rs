//! Files that are whole, torn, foreign, interrupted; and disks that are full. What is interrupted is a process of its own: this very test, told so by its environment.

use super::*;
use proptest::prelude::*;
use std::process::{Command, Stdio};

fn header(model: &str) -> Header {
    let identity =
        Identity { model: model.into(), shape: "2x16".into(), task: "decode".into(), number: "f32".into(), seed: 7, batch: 3, worker: 0 };
    Header { identity, output: 12, input: 34 }
}

fn save(path: &Path, state: &[u8]) -> u64 {
    write(path, &header("tiny"), |out| out.write_all(state)).expect("room")
}

fn load(path: &Path, model: &str, length: usize) -> Result<(Header, u64, Vec<u8>), String> {
    let mut state = vec![0; length];
    read(path, &header(model).identity, |input| input.read_exact(&mut state)).map(|(h, n)| (h, n, state)).map_err(|e| e.to_string())
}

#[test]
fn what_is_written_is_read_back_and_other_work_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.checkpoint");
    let bytes = save(&path, b"where the work is");
    assert_eq!(bytes, fs::metadata(&path).expect("there").len());
    assert_eq!(load(&path, "tiny", 17), Ok((header("tiny"), bytes, b"where the work is".to_vec())));
    for (model, length, words) in [
        ("small", 17, "not of this work: its model is tiny, ours small"),
        ("tiny", 16, "1 bytes are left over"),
        ("tiny", 18, "torn or damaged"),
    ] {
        let why = load(&path, model, length).expect_err(words);
        assert!(why.contains(words) && why.contains("a.checkpoint"), "{why}");
    }
    fs::write(&path, "something else altogether, and long enough to be read".repeat(3)).expect("room");
    assert!(load(&path, "tiny", 1).expect_err("foreign").contains("does not begin as a checkpoint"));
    assert!(load(&folder.path().join("none"), "tiny", 1).expect_err("absent").contains("cannot read the checkpoint"));
}

proptest! {
    /// Whatever byte is changed, and wherever it is cut.
    #[test]
    fn no_damage_goes_unseen(at: prop::sample::Index, by in 1..=255_u8, cut: prop::sample::Index) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.checkpoint");
        save(&path, &[5; 200]);
        let whole = fs::read(&path).expect("there");
        prop_assert!(load(&path, "tiny", 200).is_ok());
        let mut damaged = whole.clone();
        damaged[at.index(whole.len())] ^= by;
        fs::write(&path, damaged).expect("room");
        prop_assert!(load(&path, "tiny", 200).is_err());
        fs::write(&path, &whole[..cut.index(whole.len())]).expect("room");
        prop_assert!(load(&path, "tiny", 200).is_err());
    }
}

#[test]
fn a_write_that_fails_leaves_the_older_one_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.checkpoint");
    save(&path, b"older");
    let failed = write(&path, &header("tiny"), |out| out.write_all(b"newer").and(Err(io::Error::other("no more"))));
    assert_eq!(failed.expect_err("it said so").to_string(), "no more");
    assert_eq!(load(&path, "tiny", 5).expect("whole").2, b"older");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
}

/// Nobody writes into the pipe: reading it would wait for ever.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.checkpoint");
    let made = Command::new("mkfifo").arg(&path).arg(part_of(&path)).status().expect("POSIX has it");
    assert!(made.success());
    let refused = load(&path, "tiny", 5).expect_err("a pipe");
    assert!(refused.contains("it is no file any more"), "{refused}");
    // Nor does a pipe in the place of the part hold a writer up.
    save(&path, b"newer");
    assert_eq!(load(&path, "tiny", 5).expect("whole").2, b"newer");
    fs::remove_file(&path).expect("ours");
    fs::create_dir(&path).expect("room");
    assert!(load(&path, "tiny", 5).expect_err("a folder").contains("it is no file any more"));
}

/// This test again, in a process of its own that writes to the file in the environment.
const WRITES_TO: &str = "ORBITBENCH_TEST_WRITES_TO";

fn writer(limit: &str, path: &Path) -> Command {
    let mut command = Command::new("sh");
    // Ignored, the signal of a limit becomes an error that the writer is told.
    command.args(["-c", &format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\"")]).arg(std::env::current_exe().expect("ourselves"));
    command.args(["--exact", "eclipse::tests::a_writer_that_is_killed_or_finds_no_room_leaves_the_older_one", "--nocapture"]);
    command.env(WRITES_TO, path).stdout(Stdio::piped());
    command
}

#[test]
fn a_writer_that_is_killed_or_finds_no_room_leaves_the_older_one() {
    if let Some(path) = std::env::var_os(WRITES_TO) {
        let failed = write(Path::new(&path), &header("tiny"), |out| {
            let (mut said, piece) = (false, vec![1; PIECE]);
            loop {
                out.write_all(&piece)?;
                if !std::mem::replace(&mut said, true) {
                    println!("written");
                }
            }
        });
        println!("refused: {}", failed.expect_err("it never ends well"));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.checkpoint");
    save(&path, b"older");
    let output = writer("ulimit -f 8192;", &path).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("refused: ") && said.contains("File too large"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "the part is taken away");

    // The parts that a killed writer leaves cannot grow without bounds here either.
    let mut child = writer("ulimit -f 4194304;", &path).spawn().expect("a shell");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("written") {
        line.clear();
        assert!(io::BufRead::read_line(&mut out, &mut line).expect("a pipe") > 0, "it ended before it wrote");
    }
    child.kill().expect("ours");
    child.wait().expect("ours");
    assert!(part_of(&path).exists(), "killed in the midst of it");
    assert_eq!(load(&path, "tiny", 5).expect("whole").2, b"older");
    save(&path, b"newer");
    assert_eq!(load(&path, "tiny", 5).expect("whole").2, b"newer");
    assert!(!part_of(&path).exists());
}
