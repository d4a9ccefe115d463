//! What a run asks of a commissioning: that real hardware has one that counts, that the plan lies inside its authority map, that
//! the instruments are the same, that the mount still is what it was.

use super::map::Authority;
use super::record::{Record, Resistance};
use super::store::{StoreError, check_beside, read};
use super::strongest::Strongest;
use crate::setup::{STRONGEST_FRAC, Setup};
use record::{Column, Row};
use rig::RigFile;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Part of full load from which the resistance is judged: it was measured at full load, and an offset of a sensor weighs more at less.
const RESISTANCE_FROM_FRAC: f64 = 0.6;
/// Time over which a plan's rate is taken, s; shorter ones count from half of it.
const RATE_OVER_S: f64 = 60.0;

/// A record that counts for a rig.
#[derive(Clone, Debug)]
pub struct Commissioned {
    /// Its name.
    pub id: String,
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Days since its last step.
    pub age_days: f64,
    /// Days it counts.
    pub valid_days: f64,
    /// Some of it was simulated.
    pub simulated: bool,
    /// What the rig can do.
    pub authority: Authority,
    /// Die to plate.
    pub resistance: Option<Resistance>,
    /// The current at which its bank cools most.
    pub strongest: Option<Strongest>,
}

impl Commissioned {
    /// Why the rig's current limit is beyond what was measured of its bank; `None` if it is not, or nothing was.
    pub fn beyond_bank(&self, rig: &RigFile) -> Option<String> {
        let (servo, strongest) = (rig.servo()?, self.strongest?);
        let (limit_a, (measured_a, _)) = (servo.current_limit_a()?, strongest.measured_a?);
        let most_a = STRONGEST_FRAC * measured_a;
        (limit_a > most_a).then(|| {
            format!(
                "current_limit_a = {limit_a} A of \"{}\" is beyond {most_a:.1} A, {:.0} % of the {measured_a:.1} A at which the bank cools most by the \
                 commissioning {}: more current only heats. Lower it",
                servo.name,
                STRONGEST_FRAC * 100.0,
                self.id
            )
        })
    }
}

/// What a run was asked to be.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// The record named on the command line.
    pub file: Option<&'a Path>,
    /// Nobody watches.
    pub unattended: bool,
    /// Go without a record, with somebody beside it.
    pub uncommissioned: bool,
    /// Today.
    pub now: jiff::Timestamp,
}

/// Admits a run, or says in words why not and what to do. A record that is named is applied, on the twin as well.
pub fn admit(setup: &mut Setup, wanted: &Admission<'_>) -> Result<(), String> {
    if wanted.uncommissioned && (wanted.unattended || wanted.file.is_some()) {
        return Err(
            "--uncommissioned is for bringing a rig up with somebody beside it: not with --unattended, nor with --commissioning".into()
        );
    }
    if wanted.uncommissioned {
        setup.uncommissioned = true;
        return Ok(());
    }
    let found = find(&setup.rig, &setup.options.rig.from, wanted.file, wanted.now);
    let found = found.and_then(|found| if found.is_none() && !setup.rig.emulated() { Err(missing(&setup.rig.name)) } else { Ok(found) });
    let refused = if wanted.unattended { setup.rig.refuses_unattended(wanted.now) } else { Vec::new() };
    if !refused.is_empty() {
        // All at once: who mends one and comes back for the next mends a night away.
        let all: Vec<String> = refused.into_iter().chain(found.err()).collect();
        return Err(match &all[..] {
            [why] => format!("not with --unattended: {why}"),
            several => format!("not with --unattended, for {} reasons:\n  {}", several.len(), several.join("\n  ")),
        });
    }
    let Some((commissioned, record)) = found? else { return Ok(()) };
    if setup.coupled && !commissioned.authority.coupled {
        return Err(format!(
            "{} was made without the device under test on the plate: its map says nothing of heat; commission with it",
            commissioned.file.display()
        ));
    }
    if let Some(why) = commissioned.beyond_bank(&setup.rig) {
        return Err(why);
    }
    // The driver refuses any other unit, from the first word it says.
    let serials = record.serials();
    for instrument in &mut setup.rig.instruments {
        if let Some(number) = serials.get(instrument.name.as_str()) {
            instrument.expect_serial_number(*number);
        }
    }
    setup.law.resistance = commissioned.resistance.as_ref().filter(|_| setup.coupled).map(|r| control::ResistanceLaw {
        mean_k_w: r.mean_k_w,
        tolerance_k_w: r.tolerance_k_w(),
        from_w: RESISTANCE_FROM_FRAC * setup.law.governor.full.0,
    });
    setup.commissioned = Some(commissioned);
    Ok(())
}

fn missing(rig: &str) -> String {
    format!(
        "\"{rig}\" is real hardware and has no commissioning record: make one with `orbitbench rig commission {rig}` and name its file in \
         [commissioning] of the rig file or with --commissioning FILE; to bring the rig up with somebody beside it, add --uncommissioned"
    )
}

/// The record that counts for this rig now, if one is named; an error if that one does not count.
pub fn state_of(rig: &RigFile, from: &str, now: jiff::Timestamp) -> Result<Option<Commissioned>, String> {
    Ok(find(rig, from, None, now)?.map(|(commissioned, _)| commissioned))
}

fn find(rig: &RigFile, from: &str, named: Option<&Path>, now: jiff::Timestamp) -> Result<Option<(Commissioned, Record)>, String> {
    let beside = Path::new(from).parent().filter(|_| from != "built in").unwrap_or(Path::new(""));
    let Some(file) = named.map(Path::to_owned).or_else(|| rig.commissioning.file.as_ref().map(|f| beside.join(f))) else {
        return Ok(None);
    };
    let words = |why: StoreError| why.to_string();
    let record = read(&file).map_err(words)?;
    let counts = counts(&record, rig, &file, now);
    let (age_days, authority) = counts.map_err(|why| {
        format!(
            "the commissioning {} does not count for \"{}\": {why}; see `orbitbench rig commission {}`",
            file.display(),
            rig.name,
            rig.name
        )
    })?;
    let commissioned = Commissioned {
        id: record.id.clone(),
        sha256: record::sha256_file(&file).map_err(|why| why.to_string())?,
        file,
        age_days,
        valid_days: rig.commissioning.valid_days,
        simulated: record.simulated,
        authority,
        resistance: record.resistance.clone(),
        strongest: Strongest::of(&record),
    };
    Ok(Some((commissioned, record)))
}

/// Whether a record counts for this rig today: its age in days and its map, or why not.
fn counts(record: &Record, rig: &RigFile, file: &Path, now: jiff::Timestamp) -> Result<(f64, Authority), String> {
    if let Some(failed) = record.failed() {
        return Err(format!("its step {} failed: {}", failed.name, failed.why));
    }
    if !record.complete {
        return Err(format!("it is not finished; go on with --resume {}", file.display()));
    }
    if record.rig.name != rig.name {
        return Err(format!("it is of the rig \"{}\"", record.rig.name));
    }
    if record.rig.servoed != super::station::servoed(rig) {
        return Err(format!("it was made with the {} held, which this rig file no longer says", record.rig.servoed.word()));
    }
    if record.simulated && !rig.emulated() {
        return Err(format!("it was simulated ({})", record.simulated_because.join(", ")));
    }
    let serials = record.serials();
    for instrument in &rig.instruments {
        match (serials.get(instrument.name.as_str()), instrument.serial_number()) {
            // Only a controller's number can be told from what it says of itself.
            (None, _) if instrument.mecom().is_none() => {}
            (None, _) => return Err(format!("it does not know the instrument \"{}\"", instrument.name)),
            (Some(found), Some(declared)) if *found != declared => {
                return Err(format!("its \"{}\" was serial {found}, the rig file declares {declared}", instrument.name));
            }
            _ => {}
        }
        // A larger current than it was tried with is another rig.
        if let Some(limit_a) = instrument.current_limit_a().filter(|_| instrument.servoes())
            && limit_a > record.rig.current_limit_a * (1.0 + 1e-9)
        {
            return Err(format!("it was made with {} A, the rig file now allows {limit_a} A", record.rig.current_limit_a));
        }
    }
    let finished: jiff::Timestamp =
        record.finished.as_deref().unwrap_or_default().parse().map_err(|_| "it does not say when it was finished")?;
    let age_days = (now.as_second() - finished.as_second()) as f64 / 86_400.0;
    if age_days > rig.commissioning.valid_days {
        return Err(format!("it is {age_days:.0} days old and counts for {}", rig.commissioning.valid_days));
    }
    if age_days < -1.0 {
        return Err(format!("it is of {finished}, which is still to come: set this machine's clock"));
    }
    check_beside(file, record)?;
    let authority = record.authority.clone().ok_or("it has no authority map")?;
    Ok((age_days, authority))
}

/// Watches the rows of a rehearsal for the first that the rig cannot do.
pub struct PlanWatch {
    map: Option<Authority>,
    recent: VecDeque<(f64, f64)>,
    found: Option<String>,
}

impl PlanWatch {
    /// Of this setup; passes everything if it has no commissioning.
    pub fn new(setup: &Setup) -> Self {
        Self { map: setup.commissioned.as_ref().map(|c| c.authority.clone()), recent: VecDeque::new(), found: None }
    }

    /// Takes a row. Staging is not looked at: it takes the time it takes.
    pub fn row(&mut self, row: &Row) {
        let Some(map) = self.map.as_ref().filter(|_| self.found.is_none()) else { return };
        let (Some(t), Some(setpoint)) = (row.mission_s, row.get(Column::RigSetpointDegc)) else { return };
        self.recent.push_back((t, setpoint));
        while self.recent.front().is_some_and(|(before, _)| *before < t - RATE_OVER_S - 1e-6) {
            self.recent.pop_front();
        }
        let rate = self.recent.front().filter(|(before, _)| t - before >= RATE_OVER_S / 2.0);
        let rate_k_min = rate.map_or(0.0, |(before, then)| (setpoint - then) / (t - before) * 60.0);
        // Heat that nobody predicts was not promised either: the least is taken.
        let heat_w = row.get(Column::AccelPowerW).or(row.get(Column::FlightHeatW)).unwrap_or(0.0);
        if let Err(outside) = map.check(setpoint, heat_w, rate_k_min) {
            self.found = Some(format!(
                "minute {:.0}: {setpoint:.1} degC at {heat_w:.0} W and {rate_k_min:+.1} K/min; {}",
                (t / 60.0).floor(),
                outside.0
            ));
        }
    }

    /// Why the plan is refused, with the minute.
    pub fn refused(self) -> Option<String> {
        self.found
    }
}

/// Rehearses a plan and checks it against the authority map of its rig.
pub fn plan_fits(setup: &Setup) -> Result<(), String> {
    let mut watch = PlanWatch::new(setup);
    let flown: Result<_, std::convert::Infallible> = crate::rehearse::rehearse(setup, |row| {
        watch.row(row);
        Ok(())
    });
    let Ok(_) = flown;
    watch.refused().map_or(Ok(()), Err)
}
