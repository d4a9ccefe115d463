//! Who comes onto a board while it is watched and is not the watcher's own work: its power and heat are in every figure from then on.
//!
//! Not here: who was there before (the identity has them), and what a run or a map makes of it.

use crate::Busy;
use std::collections::BTreeSet;
use std::path::Path;

/// Remembers who was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strangers {
    known: BTreeSet<u32>,
    /// One whose id is nobody's here has been taken for our own work: in a container the driver may have other ids than ours.
    presumed: bool,
}

impl Strangers {
    /// Knows those that are there already.
    pub(crate) fn beside<'a>(there: impl IntoIterator<Item = &'a Busy>) -> Self {
        Self { known: there.into_iter().map(|b| b.pid).collect(), presumed: false }
    }

    /// Those of `now` that are new and not `own` process nor started by it; `proc` is where processes are looked up.
    pub(crate) fn look(&mut self, now: &[Busy], own: u32, proc: &Path) -> Vec<Busy> {
        let new: Vec<&Busy> = now.iter().filter(|b| self.known.insert(b.pid)).collect();
        let mut strangers = Vec::new();
        for busy in new {
            match started_by(busy.pid, own, proc) {
                Some(true) => {}
                None if !std::mem::replace(&mut self.presumed, true) => {}
                Some(false) | None => strangers.push(busy.clone()),
            }
        }
        // An id may be another's after its process ended.
        self.known.retain(|pid| now.iter().any(|b| b.pid == *pid));
        strangers
    }
}

/// Whether `pid` is `own` or was started by it, through however many; `None` if it cannot be seen.
fn started_by(pid: u32, own: u32, proc: &Path) -> Option<bool> {
    let mut at = pid;
    // Deeper than this no process tree is.
    for _ in 0..64 {
        if at == own {
            return Some(true);
        }
        let Some(parent) = parent(at, proc) else { return (at != pid).then_some(false) };
        if parent == 0 {
            return Some(false);
        }
        at = parent;
    }
    Some(false)
}

/// Fourth field of `/proc/PID/stat`; the second, the name in brackets, may hold anything (proc(5)).
fn parent(pid: u32, proc: &Path) -> Option<u32> {
    let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::fake::Root;

    fn busy(pids: &[u32]) -> Vec<Busy> {
        pids.iter().map(|pid| Busy { pid: *pid, name: None, bytes: None }).collect()
    }

    #[test]
    fn only_who_comes_and_is_not_ours_is_a_stranger() {
        let root = Root::new();
        for (pid, parent, name) in [(50, 1, "orbitbench"), (51, 50, "guard"), (52, 51, "work) 7 (x"), (90, 1, "python"), (91, 1, "python")]
        {
            root.write(&format!("{pid}/stat"), &format!("{pid} ({name}) S {parent} 50 50 0"));
        }
        let mut strangers = Strangers::beside(&busy(&[90]));
        let mut look = |pids: &[u32]| strangers.look(&busy(pids), 50, root.path()).iter().map(|b| b.pid).collect::<Vec<_>>();
        assert_eq!(look(&[90]), [] as [u32; 0], "it was there before, and told of then");
        assert_eq!(look(&[90, 50, 52]), [] as [u32; 0], "ourselves, and what our guard started");
        assert_eq!(look(&[90, 50, 52, 91]), [91]);
        assert_eq!(look(&[90, 50, 52, 91]), [] as [u32; 0], "told once");
        assert_eq!(look(&[50]), [] as [u32; 0]);
        assert_eq!(look(&[50, 91]), [91], "it went and came again");
        // Of ids that are nobody's here one may be our own work.
        assert_eq!(look(&[50, 91, 4_194_304]), [] as [u32; 0]);
        assert_eq!(look(&[50, 91, 4_194_304, 4_194_303]), [4_194_303]);
    }
}
