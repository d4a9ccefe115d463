//! `rehearse`: what to expect of a run, without waiting.

use crate::cli::RehearseArgs;
use crate::exit::Exit;
use crate::plan;
use anyhow::Result;
use engine::rehearse::{Rehearsal, rehearse as fly};
use record::{Handover, Samples};
use std::time::Instant;

pub(crate) fn rehearse(args: &RehearseArgs) -> Result<Exit> {
    let start = Instant::now();
    let setup = plan::setup(&args.flight, None, false)?;
    let columns = setup.maker.columns();
    let count = columns.header().len();
    let mut sink = match &args.csv {
        Some(path) => {
            // A rehearsal can be made again: an older one of that name is replaced.
            if path.exists() {
                std::fs::remove_file(path)?;
            }
            Samples::create(path, columns, Handover::Blocks)?
        }
        None => Samples::null(columns)?,
    };
    let told = fly(&setup, |row| sink.write(row))?;
    sink.sync()?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print(&setup.title(), &told)?;
        say!("  rehearsed {} rows of {count} columns in {:.2} s", told.ticks, start.elapsed().as_secs_f64());
    }
    Ok(if told.flown { Exit::Done } else { Exit::GateFailed })
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
    if let (Some(power), Some(work)) = (told.power_w, told.work) {
        say!("  mean      {power:.1} W of board power; {work:.0} {}s in all", told.unit);
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
