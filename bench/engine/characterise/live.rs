//! A check in real time: the device, its work, a clock, and where the result is kept.

use super::store::{file_of, folder, keep};
use super::{Checked, Effort, Procedure, Subject};
use crate::boards::UnderTest;
use crate::claim::Claim;
use accelerator::{Accelerator, Buffered, Sample, Spec};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use workload::Workload;

/// The work's lease is renewed this often.
const RENEW: Duration = Duration::from_millis(500);
/// How long the work may take to stop.
const STOP: Duration = Duration::from_secs(5);

/// What is to be checked.
#[derive(Clone, Debug)]
pub struct Order {
    /// The device.
    pub accelerator: Spec,
    /// What loads it.
    pub workload: workload::Spec,
    /// A short one.
    pub quick: bool,
    /// Seed of phases and of the work.
    pub seed: u64,
    /// Ourselves: guards a command that loads the device.
    pub program: Option<PathBuf>,
    /// Where to keep it; the state folder if `None`.
    pub out: Option<PathBuf>,
}

struct Live {
    device: Box<dyn Accelerator>,
    work: Box<dyn Workload>,
    origin: Instant,
    duty: f64,
    renewed: Instant,
}

impl Live {
    fn renew(&mut self) {
        if self.renewed.elapsed() >= RENEW {
            self.work.set_duty(self.duty);
            self.renewed = Instant::now();
        }
    }
}

impl Subject for Live {
    fn now_s(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }

    fn wait_until(&mut self, s: f64) {
        loop {
            self.renew();
            let left = s - self.now_s();
            if left <= 0.0 {
                return;
            }
            std::thread::sleep(Duration::from_secs_f64(left).min(RENEW));
        }
    }

    fn look(&mut self) -> Result<Sample, String> {
        self.renew();
        self.device.sample().map_err(|e| e.to_string())
    }

    fn buffered(&mut self) -> Result<Option<Vec<Buffered>>, String> {
        self.device.buffered().map_err(|e| e.to_string())
    }

    fn look_slowly(&mut self) -> Result<(), String> {
        self.device.health().map_err(|e| e.to_string())?;
        self.device.remarks();
        Ok(())
    }

    fn work(&mut self, on: bool) {
        self.duty = f64::from(u8::from(on));
        self.work.set_duty(self.duty);
        self.renewed = Instant::now();
    }

    fn units(&self) -> Option<f64> {
        self.work.units()
    }

    fn healthy(&self) -> Result<(), String> {
        self.work.healthy()
    }
}

/// How long it will take, before it takes that long.
fn announced(effort: &Effort, works: bool, quick: bool) -> String {
    let total_s = effort.total_s(works);
    let mut words = if total_s < 90.0 {
        format!("about {total_s:.0} s in all")
    } else {
        format!("about {:.0} minutes in all", (total_s / 60.0).ceil())
    };
    if works && quick {
        words.push_str("; the cost of polling cannot be resolved in that time");
    } else if works {
        let (blocks, block_s) = (2 * effort.pairs, effort.block_s);
        // Writing to a string cannot fail.
        let _ = write!(words, "; {blocks} blocks of {block_s:.0} s for the cost of polling");
    }
    words
}

/// What a check found, and where it is kept.
pub type Found = (Checked, Option<PathBuf>);

/// Checks one device after the other and keeps what was found; tells `each` as soon as one is done. All of them are this process's own from the first to the
/// last, and what a run before left changed on them is put back first.
///
/// # Errors
/// In words, before anything was checked: a device cannot be had, is another's, or was left changed and cannot be put back.
pub fn check(order: &Order, tell: &mut dyn FnMut(&str), each: &mut dyn FnMut(&Spec, Result<Found, String>)) -> Result<(), String> {
    let several = order.accelerator.devices() > 1;
    if several && let Some(out) = &order.out {
        return Err(format!(
            "{} is one file, and there are {} devices: leave --out away, or check one at a time",
            out.display(),
            order.accelerator.devices()
        ));
    }
    let claim = Claim::of(&order.accelerator).map_err(|e| e.to_string())?;
    claim.cautions().chain(claim.put_back.iter().map(String::as_str)).for_each(&mut *tell);
    // What is kept would be of a card that somebody else changed.
    if let Some(why) = claim.left.first() {
        return Err(why.clone());
    }
    let specs = match order.accelerator.gpus() {
        [] => vec![order.accelerator.clone()],
        gpus => gpus.iter().cloned().map(Spec::Nvml).collect(),
    };
    for spec in specs {
        let found = one(order, &spec, &mut |what| if several { tell(&format!("{spec}: {what}")) } else { tell(what) });
        each(&spec, found);
    }
    Ok(())
}

fn one(order: &Order, spec: &Spec, tell: &mut dyn FnMut(&str)) -> Result<Found, String> {
    let device = spec.open(Path::new("/")).map_err(|e| e.to_string())?;
    let identity = device.identity().clone();
    if let Some(busy) = identity.processes.iter().flatten().next() {
        return Err(format!("{} is used by {busy}: nothing can be found out about it beside other work; end that first", identity.name));
    }
    // As in a run, so that a command works where it is measured.
    let under_test = UnderTest::of(spec, &[&identity]);
    let environment: Vec<(String, String)> = under_test.environment().into_iter().collect();
    let start = workload::Start {
        seed: order.seed,
        environment: &environment,
        program: order.program.as_deref(),
        measured: under_test.measured(),
        counted: under_test.counted(),
        keeping: None,
    };
    let workload::Started { work, apart } = order.workload.start(&start).map_err(|e| e.to_string())?;
    if let Some(why) = apart {
        tell(&format!("caution: {why}"));
    }
    let works = order.workload != workload::Spec::None;
    let described = work.describe();
    let mut live = Live { device, work, origin: Instant::now(), duty: 0.0, renewed: Instant::now() };
    let effort = if order.quick { Effort::QUICK } else { Effort::FULL };
    tell(&announced(&effort, works, order.quick));
    let found = Procedure::new(&mut live, order.seed, tell).run(&effort, works);
    live.work(false);
    let stopped = live.work.stop(STOP);
    let found = found?;
    if !stopped {
        return Err("the work did not stop: look for what is left of it".to_owned());
    }
    let checked = Checked::new(&found, &identity, &described, order.quick, jiff::Timestamp::now());
    let file = order.out.clone().or_else(|| folder().map(|f| file_of(&f, &identity)));
    if let Some(file) = &file {
        keep(file, &checked)?;
    }
    Ok((checked, file))
}
