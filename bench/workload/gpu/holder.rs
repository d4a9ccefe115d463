//! Who holds a card's lock, in words: what its file says, what the system lists, and whether that process is stopped. A stopped one lets go of nothing and answers
//! nobody, so whoever waits for it must be told.
//!
//! Not here: taking the lock.

use rustix::fs::{fstat, major, minor};
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

/// True while this process is stopped: by SIGSTOP or Ctrl-Z (state T), or by a debugger (t); `proc_pid_stat(5)`.
pub fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    matches!(state(&stat), Some("T" | "t"))
}

/// `pid (name) state ...`, and a name may hold anything.
fn state(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().next()
}

/// The process that the system lists as the holder of a lock on this file (`proc_locks(5)`); `None` where nobody holds it, or it is none of those seen from here
/// (another container's).
pub(super) fn listed(file: &File) -> Option<i32> {
    let stat = fstat(file).ok()?;
    let place = format!("{:02x}:{:02x}:{}", major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
    find(&std::fs::read_to_string("/proc/locks").ok()?, &place)
}

/// The first holder of a lock of the whole file at `place`; those who wait (`->`) hold nothing.
fn find(locks: &str, place: &str) -> Option<i32> {
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().skip(1).collect();
        let ["FLOCK", _, _, pid, at, ..] = fields[..] else { return None };
        pid.parse::<i32>().ok().filter(|pid| at == place && *pid > 0)
    };
    locks.lines().find_map(of)
}

/// Whoever holds the lock in `file`, which says `said`.
pub(super) fn words(file: &File, said: &str, path: &Path) -> String {
    let named = said.strip_prefix("process ").and_then(|rest| rest.split(' ').next()?.parse::<i32>().ok());
    let listed = listed(file);
    let mut words = match (said, listed) {
        ("", None) => format!("whoever holds {}", path.display()),
        // A file of another user's cannot be written by its holder.
        (_, Some(pid)) if named != Some(pid) => format!("process {pid} ({})", command(pid)),
        (said, _) => said.to_owned(),
    };
    if let Some(pid) = listed.or(named).filter(|pid| is_stopped(*pid)) {
        // Writing to a String cannot fail.
        let _ = write!(
            words,
            ", which is stopped (SIGSTOP, Ctrl-Z or a debugger) and keeps the card until it goes on (`kill -CONT {pid}`; with `kill -TERM {pid}` before it, it ends \
             safely) or is killed (`kill -KILL {pid}`)"
        );
    }
    words
}

fn command(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|b| *b == 0).filter(|w| !w.is_empty()).take(3).map(String::from_utf8_lossy).collect();
    if words.is_empty() { "no command line".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_other_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 5 fe:00:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 21295 fe:00:421 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 7 fe:00:42 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 fe:00:42 0 EOF\n5: FLOCK  ADVISORY  WRITE 4242 fe:00:42 0 EOF\nnonsense\n";
        assert_eq!(find(locks, "fe:00:42"), Some(4242));
        assert_eq!((find(locks, "fe:01:42"), find("", "fe:00:42")), (None, None));
    }

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(state("12 (a) T (b) T 1 12"), Some("T"));
        assert_eq!((state("12 (T) S 1"), state("")), (Some("S"), None));
        assert!(!is_stopped(i32::try_from(std::process::id()).expect("a process")));
    }
}
