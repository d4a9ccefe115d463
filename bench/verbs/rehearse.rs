//! `rehearse`: what to expect of a run, without waiting.

use crate::cli::{FlightArgs, RehearseArgs};
use crate::exit::{BadInput, Exit, replaceable, unrecorded, unwritable};
use crate::plan;
use anyhow::Result;
use engine::band::{Band, Told};
use engine::calibrated::RangeWatch;
use engine::gain::{Flight, Gain, Unknown};
use engine::rehearse::{Rehearsal, rehearse as fly};
use model::profile::PolicyChoice;
use record::{Handover, Samples};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

pub(crate) fn rehearse(args: &RehearseArgs) -> Result<Exit> {
    let start = Instant::now();
    let setup = plan::setup(&args.flight, None, false)?;
    let columns = setup.maker.columns();
    let count = columns.header().len();
    let mut sink = match &args.csv {
        Some(path) => {
            // A rehearsal can be made again: an older one of that name is replaced.
            replaceable(path)?;
            if path.exists() {
                std::fs::remove_file(path).map_err(|why| unwritable(path, why))?;
            }
            Samples::create(path, columns, Handover::Blocks).map_err(unrecorded(path))?
        }
        None => Samples::null(columns)?,
    };
    // Without a file there is nothing to be refused.
    let refused = unrecorded(args.csv.as_deref().unwrap_or(Path::new("")));
    let (mut range, mut cautions) = (RangeWatch::default(), setup.cautions());
    let mut flight = Flight::of(&setup);
    let told = fly(&setup, |row| {
        flight.row(row);
        cautions.extend(range.row(&setup, row));
        sink.write(row)
    })
    .map_err(&refused)?;
    sink.sync().map_err(&refused)?;
    let took = start.elapsed().as_secs_f64();
    let gain = gain(args, &setup, &told, &flight)?;
    let band = args.band.as_ref().and_then(|_| Band::of(&setup));
    if args.json {
        let told = WithBand { told: &told, gain: Gained::of(gain.as_ref()), band: band.as_ref().map(Band::told) };
        say!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print(&setup.title(), &told)?;
        if let Some(gain) = &gain {
            match gain {
                Ok(gain) => say!("  policy    {}: {}", setup.policy_words(), gain.words()),
                Err(why) => say!("  policy    {}; its gain over follow-sun is not known: {why}", setup.policy_words()),
            }
            if gain.is_ok() && told.limited_frac > LIMITED_FRAC {
                say!(
                    "  caution   {:.0} % of rows limited: the bench is cooler there than the flight would be, and the gain is not the flight's",
                    told.limited_frac * 100.0
                );
            }
        }
        if setup.law.crossing.drops() && told.restart_tax.is_none() {
            say!("  tax       of {} on a real device nothing is predicted: the run measures it", setup.law.crossing);
        }
        if let Some(map) = &setup.work_map {
            let edge = if map.clamped { ", its edge where the plan leaves it" } else { "" };
            say!("  plan by   {} (seal {}{edge})", map.name, map.seal.get(..16).unwrap_or(&map.seal));
        }
        for words in &cautions {
            say!("  caution   {words}");
        }
        if let Some(c) = &setup.calibrated {
            say!("  belief    calibration {}, {:.1} days old", c.calibration.id, c.calibration.age_days(c.at));
        }
        say!("  rehearsed {} rows of {count} columns in {took:.2} s", told.ticks);
    }
    if let Some(path) = &args.band {
        let Some(band) = band else {
            let why = format!("the rig \"{}\" doubts nothing of itself: declare [truth] or a calibration in its file", setup.rig.name);
            return Err(BadInput(format!("there is no band: {why}")).into());
        };
        replaceable(path)?;
        band.write(path).map_err(unrecorded(path))?;
        if !args.json {
            print_band(&band)?;
        }
    }
    Ok(if told.flown { Exit::Done } else { Exit::GateFailed })
}

/// Share of limited rows above which the bench's work is not what the flight model decided by.
const LIMITED_FRAC: f64 = 0.05;

/// What the flight does more than following the Sun on the same bench, and what the step makes of that; `None` where following the Sun is the policy, or where either
/// does not fly.
fn gain(args: &RehearseArgs, setup: &engine::setup::Setup, told: &Rehearsal, flown: &Flight) -> Result<Option<Result<Gain, Unknown>>> {
    if setup.options.policy.unwrap_or(setup.profile.power.policy) == PolicyChoice::FollowSun || !told.flown || told.work.is_none() {
        return Ok(None);
    }
    let sun = FlightArgs { policy: Some(PolicyChoice::FollowSun), map: None, map_clamp: false, ..args.flight.clone() };
    let Some((_, rival)) = again(&sun)? else { return Ok(None) };
    let gain = flown.over(&rival);
    // A step that the rig does not allow, or that another policy is better at, says nothing of this one.
    let twice = |flight: &FlightArgs| again(&FlightArgs { dt: 2.0 * flight.dt, ..flight.clone() }).ok().flatten();
    let same = |word: &&'static str| *word == setup.law.governor.policy.word();
    let coarser =
        twice(&args.flight).filter(|(word, _)| same(word)).zip(twice(&sun)).and_then(|((_, own), (_, rival))| own.over(&rival).ok());
    Ok(Some(gain.map(|gain| coarser.map_or(gain, |coarser| gain.beside(&coarser)))))
}

/// One more rehearsal, for what a gain needs of it, with the word of the policy that flew; `None` if it does not come to its end.
fn again(flight: &FlightArgs) -> Result<Option<(&'static str, Flight)>> {
    let setup = plan::setup(flight, None, false)?;
    let mut found = Flight::of(&setup);
    let told = fly(&setup, |row| {
        found.row(row);
        Ok::<(), std::convert::Infallible>(())
    })
    .unwrap_or_else(|never| match never {});
    Ok(told.flown.then(|| (setup.law.governor.policy.word(), found)))
}

/// What is gained, or why that is not known, as JSON.
#[derive(Default, Serialize)]
struct Gained {
    #[serde(skip_serializing_if = "Option::is_none")]
    gain_over_follow_sun: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gain: Option<Gain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gain_unknown: Option<String>,
}

impl Gained {
    fn of(gain: Option<&Result<Gain, Unknown>>) -> Self {
        match gain {
            Some(Ok(gain)) => Self { gain_over_follow_sun: Some(gain.frac), gain: Some(*gain), gain_unknown: None },
            Some(Err(why)) => Self { gain_unknown: Some(why.to_string()), ..Self::default() },
            None => Self::default(),
        }
    }
}

/// A rehearsal and what its band is like, as JSON.
#[derive(Serialize)]
struct WithBand<'a> {
    #[serde(flatten)]
    told: &'a Rehearsal,
    #[serde(flatten)]
    gain: Gained,
    #[serde(skip_serializing_if = "Option::is_none")]
    band: Option<BTreeMap<&'static str, Told>>,
}

/// The band in short: what may be off by how much, and what is to blame for most of it.
fn print_band(band: &Band) -> Result<()> {
    say!("  band      standard uncertainty: rms over the mission, largest, and the doubt with most of the variance");
    for (name, told) in band.told() {
        say!("            {name:<22} {:>9.4} {:>9.4}  {:.0} % {}", told.rms, told.most, told.share * 100.0, told.led_by);
    }
    for (doubt, how) in &band.trips {
        say!("  trips     with {doubt} one standard deviation off: {how}");
    }
    Ok(())
}

/// Figures of a rehearsal, a line each.
pub(crate) fn print(title: &str, told: &Rehearsal) -> Result<()> {
    let range = |r: Option<(f64, f64)>, unit: &str| r.map_or("-".to_owned(), |(a, b)| format!("{a:.1} to {b:.1} {unit}"));
    say!("{title}");
    say!("  ends      {}", told.end);
    say!("  staging   {:.0} s, mission {:.0} s; {} on the wall", told.staging_s, told.mission_s, clock(told.wall_s));
    say!("  sunlight  {:.1} % of the mission; {:.1} % of rows limited", told.sunlit_frac * 100.0, told.limited_frac * 100.0);
    say!("  supply    {}", range(told.supply_degc, "°C"));
    say!("  setpoint  {}", range(told.setpoint_degc, "°C"));
    if let (Some(amps), Some(die)) = (told.tec_a, told.die_degc) {
        say!("  largest   TEC current {amps:.2} A, die {die:.1} °C");
    }
    if let Some((low, high, end)) = told.soc_frac {
        say!("  battery   {:.1} to {:.1} % charged, {:.1} % at the end", low * 100.0, high * 100.0, end * 100.0);
    }
    if let (Some(power), Some(work)) = (told.power_w, told.work) {
        say!("  mean      {power:.1} W of board power; {work:.0} {}s in all", told.unit);
    }
    if let Some(tax) = &told.restart_tax {
        for line in tax.told(&told.unit, None).lines() {
            say!("  {}", line.replacen("restart tax ", "tax       ", 1).replacen("            ", "          ", 1));
        }
    }
    Ok(())
}

/// A wall time as people say it.
pub(crate) fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}
