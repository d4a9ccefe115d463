//! What a run's energy counter and integrated power are held against: what a check of the very same card found between the two. A card with another driver or another
//! firmware of its board may count otherwise, and its check says nothing of it.
//!
//! Not here: what a run makes of it (`report`), and how the check finds it (the procedure).

use super::Checked;
use super::report::COUNTER_MOST_FRAC;
use super::store::{Kept, latest};
use accelerator::Identity;
use report::CheckFacts;
use std::path::Path;

/// Integrated power over the counter, less one, that is no news while a run is under way: what the check found, if it found the two to agree.
pub(crate) fn known_gap(held: &CheckFacts) -> f64 {
    held.gap_frac.filter(|gap| held.unused.is_none() && gap.abs() <= COUNTER_MOST_FRAC).unwrap_or(0.0)
}

/// What the device of `identity` is held against by what is kept in `folder`.
pub fn held(folder: Option<&Path>, identity: &Identity, devices: usize) -> CheckFacts {
    let unused = |why: String| CheckFacts { unused: Some(why), ..CheckFacts::default() };
    if devices > 1 {
        return unused(format!("checks are of single cards, and here are {devices} as one"));
    }
    let Some(folder) = folder else { return unused("there is no home to keep checks in (set XDG_STATE_HOME)".to_owned()) };
    match latest(folder, identity) {
        Ok(kept) => by(&kept, identity),
        Err(why) => unused(why),
    }
}

fn by(kept: &Kept, identity: &Identity) -> CheckFacts {
    let Kept { file, sha256, checked } = kept;
    // From the counter over the integral to the integral over the counter.
    let turned = |gap: f64| (gap > -1.0).then(|| 1.0 / (1.0 + gap) - 1.0);
    let gap_frac = checked.counter_gap_frac.and_then(turned);
    let half_frac = checked.counter_gap_half_frac.zip(gap_frac).map(|(half, gap)| half * (1.0 + gap) * (1.0 + gap));
    CheckFacts {
        file: Some(file.display().to_string()),
        sha256: Some(sha256.clone()),
        made: Some(checked.made.clone()),
        unused: unlike(checked, identity)
            .map(|why| format!("{why}; check the card again (`orbitbench accelerator check {}`)", identity.spec)),
        gap_frac,
        half_frac,
        paced_frac: checked.paced_frac,
    }
}

/// Why this check says nothing of this card's counter now.
fn unlike(checked: &Checked, identity: &Identity) -> Option<String> {
    let said = |what: Option<&str>| what.unwrap_or("none that is told").to_owned();
    for (name, then, now) in
        [("driver", checked.driver.as_deref(), identity.driver.as_deref()), ("VBIOS", checked.vbios.as_deref(), identity.vbios())]
    {
        if then != now {
            return Some(format!("it was made with another {name}: {} then, {} now", said(then), said(now)));
        }
    }
    match (checked.counter_gap_frac, checked.counter_gap_half_frac) {
        _ if checked.counter_verdict.as_deref().is_some_and(|words| words.starts_with("UNUSABLE")) => {
            Some("the counter fell back while it was made".to_owned())
        }
        (None, _) => Some("it did not look at counter and power under a load (--workload)".to_owned()),
        (_, None) => Some("it does not say how well it knows them to agree".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::{file_of, keep};
    use super::super::{Findings, Gives};
    use super::*;

    fn card(driver: &str, vbios: Option<&str>) -> Identity {
        Identity {
            spec: "nvml:GPU-1".into(),
            uuid: Some("GPU-1".into()),
            driver: Some(driver.into()),
            facts: vbios.iter().map(|v| ("VBIOS".to_owned(), (*v).to_owned())).collect(),
            ..Identity::default()
        }
    }

    fn found() -> Findings {
        let gives = Gives { power: true, counter: true, own: true };
        Findings {
            gives,
            load_w: Some(700.0),
            counter_gap: Some(0.04),
            counter_gap_half: Some(0.002),
            jittered: Some(-0.05),
            ..Findings::default()
        }
    }

    fn held_by(check: &Identity, found: &Findings, run: &Identity, devices: usize) -> CheckFacts {
        let folder = tempfile::tempdir().expect("a scratch folder");
        keep(&file_of(folder.path(), check), &Checked::new(found, check, "work", false, jiff::Timestamp::UNIX_EPOCH)).expect("kept");
        held(Some(folder.path()), run, devices)
    }

    #[test]
    fn a_check_of_the_same_card_is_gone_by_from_the_other_side() {
        let own = card("NVIDIA 580.1", Some("96.00.1"));
        let held = held_by(&own, &found(), &own, 1);
        assert!(
            held.unused.is_none() && held.file.is_some_and(|f| f.ends_with("GPU-1.toml")) && held.sha256.is_some_and(|s| s.len() == 64)
        );
        // The counter says 4 % more than the integral: the integral 3.85 % less than the counter.
        assert!(
            (held.gap_frac.expect("a gap") + 0.04 / 1.04).abs() < 1e-12
                && (held.half_frac.expect("its half") - 0.002 / 1.04 / 1.04).abs() < 1e-9
        );
        assert_eq!(held.paced_frac, Some(-0.05));
    }

    #[test]
    fn a_check_of_anything_else_is_not_gone_by_and_that_is_said() {
        let own = card("NVIDIA 580.1", Some("96.00.1"));
        for (run, devices, words) in [
            (card("NVIDIA 580.2", Some("96.00.1")), 1, "another driver: NVIDIA 580.1 then, NVIDIA 580.2 now"),
            (card("NVIDIA 580.1", Some("96.00.2")), 1, "another VBIOS: 96.00.1 then, 96.00.2 now"),
            (card("NVIDIA 580.1", None), 1, "another VBIOS: 96.00.1 then, none that is told now"),
            (Identity { uuid: Some("GPU-2".into()), spec: "nvml:GPU-2".into(), ..own.clone() }, 1, "never checked"),
            (own.clone(), 2, "single cards, and here are 2"),
        ] {
            let held = held_by(&own, &found(), &run, devices);
            assert!(held.unused.as_deref().is_some_and(|why| why.contains(words)), "{words}: {held:?}");
            assert_eq!(known_gap(&held), 0.0);
        }
        for (found, words) in [
            (Findings { counter_gap: None, ..found() }, "did not look"),
            (Findings { counter_gap_half: None, ..found() }, "how well"),
            (Findings { counter_fell: true, ..found() }, "fell back"),
        ] {
            let held = held_by(&own, &found, &own, 1);
            assert!(held.unused.is_some_and(|why| why.contains(words)), "{words}");
        }
        assert!(held(None, &own, 1).unused.is_some_and(|why| why.contains("no home")));
        // What a check found to disagree is news in every run.
        let apart = held_by(&own, &Findings { counter_gap: Some(-0.5), ..found() }, &own, 1);
        assert_eq!((apart.unused.as_deref(), known_gap(&apart)), (None, 0.0));
    }
}
