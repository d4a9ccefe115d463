//! `profile masses`: what a satellite weighs and how well that is known. `profile trade`: what warmer coolant, or a heat pump, would save.

use crate::exit::{self, BadInput, Exit};
use crate::plan;
use anyhow::Result;
use clap::Args;
use model::profile::Scope;
use model::rollup::{self, Fresh, Input, PARTS, Rollup};
use model::spread::{DRAWS, Outcome, Spread};
use model::trade::{HeatPump, Point, Trade};
use model::{Place, Profile};
use serde_json::{Value, json};
use signal::Celsius;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Panels of the satellite sized from scratch, K: the hot end of what cards allow.
const FRESH_K: f64 = 350.0;
/// Batteries of that satellite, Wh/kg: what a night that no battery is modelled for is told to weigh.
const FRESH_WH_KG: f64 = 150.0;

#[derive(Clone, Debug, Args)]
pub(crate) struct MassesArgs {
    /// A name from `profile list` or a TOML file
    profile: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Draws of the Monte Carlo
    #[arg(long, default_value_t = DRAWS, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    draws: u32,
    /// Seed of the draws: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Board power of one accelerator: its share of each part is printed in place of the whole satellite's
    #[arg(long, value_name = "WATTS", value_parser = watts)]
    board_w: Option<f64>,
}

fn watts(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|w: &f64| *w > 0.0 && w.is_finite()).ok_or_else(|| format!("\"{text}\" is not a number of watts above 0"))
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TradeArgs {
    /// A name from `profile list` or a TOML file
    profile: String,
    /// Coldest coolant to the plates, °C
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    from: f64,
    /// Hottest
    #[arg(long, default_value_t = 80.0, allow_negative_numbers = true)]
    to: f64,
    /// Kelvin from one to the next
    #[arg(long, default_value_t = 10.0)]
    step: f64,
    /// Coefficient of performance of the heat pump over Carnot's; 0.3 to 0.5 is what machines reach
    #[arg(long, default_value_t = 0.4)]
    carnot: f64,
    /// Mass of the heat pump per kW of its power, kg/kW (assumed)
    #[arg(long, default_value_t = 10.0)]
    pump_kg_kw: f64,
    /// Write the curves to this CSV file
    #[arg(long)]
    csv: Option<PathBuf>,
}

pub(crate) fn masses(args: &MassesArgs) -> Result<Exit> {
    let profile = plan::parsed(&args.profile)?;
    let drawn = rollup::drawn(&profile, args.draws, args.seed);
    // A building has no radiator to size by the fourth power of its temperature.
    let fresh = (!on_the_ground(&profile)).then(|| Fresh::at(FRESH_K).rollup(args.draws, args.seed));
    let notes = notes(&profile);
    // The part of the satellite that one board stands for.
    let share = args.board_w.map(|w| w / 1e3 / drawn.centre.compute_kw);
    if args.json {
        let report = json!({
            "profile": profile.name,
            "draws": args.draws,
            "seed": args.seed,
            "share": share,
            "drawn": as_json(&drawn),
            "fresh": fresh.as_ref().map(|fresh| json!({ "panel_k": FRESH_K, "rollup": as_json(fresh) })),
            "notes": notes,
        });
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Exit::Done);
    }
    print(&profile, &drawn, fresh.as_ref(), args, share)?;
    for note in notes {
        say!("{note}");
    }
    Ok(Exit::Done)
}

fn on_the_ground(profile: &Profile) -> bool {
    matches!(profile.environment.place(), Place::Ground(_))
}

/// What the profile draws.
fn drawn_thing(profile: &Profile) -> &'static str {
    match profile.environment.place() {
        Place::Ground(_) => "building",
        Place::LunarSurface(_) => "installation",
        Place::Orbit(_) | Place::DeepSpace(_) | Place::Timeline(_) => "satellite",
    }
}

/// What the figures leave out, each within 80 columns a line.
fn notes(profile: &Profile) -> Vec<String> {
    let mut notes = Vec::new();
    if on_the_ground(profile) {
        notes.push(
            "On the ground nothing is launched: these are kilograms of coil, loop,\nboards and supply, to hold against a satellite's part by part.\n\
             Building and plant are not in it."
                .to_owned(),
        );
    }
    if profile.battery.is_none()
        && let Some((dark_s, period)) = dark(profile)
    {
        let mwh = profile.satellite.heat_kw * dark_s / 3.6e6;
        notes.push(format!(
            "No battery is modelled, nor weighed: the {:.1} h of dark of {period}\nask {mwh:.3} MWh at full load of {} kW, which at \
             {FRESH_WH_KG:.0} Wh/kg is {:.1} t.",
            dark_s / 3600.0,
            profile.satellite.heat_kw,
            mwh * 1e3 / FRESH_WH_KG
        ));
    }
    notes
}

/// How long array or field give nothing in one period, and what that is called; `None` where they always give.
fn dark(profile: &Profile) -> Option<(f64, &'static str)> {
    let env = &profile.environment;
    let period_s = env.period_s().min(*env.span_s().end());
    let looks = 4000;
    let none = (0..looks).filter(|k| env.at(period_s * (f64::from(*k) + 0.5) / f64::from(looks)).array_w_m2 < 1.0).count();
    let period = match env.place() {
        Place::Orbit(_) => "an orbit",
        Place::LunarSurface(_) => "a lunar day",
        Place::DeepSpace(_) | Place::Ground(_) => "a day",
        Place::Timeline(_) => "the table",
    };
    (none > 0).then(|| (period_s * none as f64 / f64::from(looks), period))
}

fn print(profile: &Profile, drawn: &Rollup<9>, fresh: Option<&Rollup<10>>, args: &MassesArgs, share: Option<f64>) -> Result<()> {
    let centre = &drawn.centre;
    let what = drawn_thing(profile);
    let supply = if on_the_ground(profile) { "by the rating of its supply" } else { "at 1 AU" };
    say!("{}: {:.1} kW of compute fed and cooled {supply}", profile.name, centre.compute_kw);
    let of = share.map_or(format!("the {what}"), |share| {
        format!("one board of {:.0} W, {:.4e} of the {what}", share * centre.compute_kw * 1e3, share)
    });
    say!("Masses of {of}");
    let scope = match profile.masses.scope {
        Scope::Panel => "panels alone",
        Scope::Assembly => "whole assembly",
    };
    let radiator = if on_the_ground(profile) { "Coil" } else { "Radiator" };
    say!("{radiator}: per m2 of planform, {scope}. {} draws, seed {}", args.draws, args.seed);
    say!("");
    say!("  {:<20} {:>11} {:>8} {:>7} {:>11} {:>15}", "part", "kg", "kg/kW", "of all", "median kg", "95 %");
    let unit = share.unwrap_or(1.0);
    let line = |name: &str, kg: f64, outcome: &Outcome| -> Result<()> {
        let (median, low, high) = (outcome.median * unit, outcome.low * unit, outcome.high * unit);
        say!(
            "  {name:<20} {:>11} {:>8.2} {:>5.1} % {:>11} {:>15}",
            kilograms(kg * unit),
            kg / centre.compute_kw,
            kg / centre.total_kg * 100.0,
            kilograms(median),
            if high > low { format!("{} to {}", kilograms(low), kilograms(high)) } else { "-".to_owned() }
        );
        Ok(())
    };
    for (k, part) in PARTS.iter().enumerate().filter(|(k, _)| drawn.kg[*k].high > 0.0) {
        line(part, centre.kg[k], &drawn.kg[k])?;
    }
    line("all of it", centre.total_kg, &drawn.total_kg)?;
    say!("");
    let (kg_kw, w_kg) = (&drawn.kg_kw, &drawn.w_kg);
    say!(
        "  {:<14} {:>7.1}   median {:.1}, 95 % {:.1} to {:.1}",
        "W/kg",
        centre.compute_kw * 1e3 / centre.total_kg,
        w_kg.median,
        w_kg.low,
        w_kg.high
    );
    say!(
        "  {:<14} {:>7.1}   median {:.1}, 95 % {:.1} to {:.1}",
        "kg/kW",
        centre.total_kg / centre.compute_kw,
        kg_kw.median,
        kg_kw.low,
        kg_kw.high
    );
    say!("");
    say!("  Share of the variance of W/kg that knowing it would take away");
    let mut order: Vec<usize> = (0..drawn.inputs.len()).filter(|i| counts(profile, &drawn.inputs[*i])).collect();
    order.sort_by(|a, b| w_kg.shares[*b].total_cmp(&w_kg.shares[*a]));
    for i in order {
        let Input { name, quantity } = &drawn.inputs[i];
        let share = if quantity.spread.is_fixed() { "-".to_owned() } else { format!("{:.1} %", w_kg.shares[i] * 100.0) };
        say!("  {name:<26} {:>18} {share:>8}  {}", range(&quantity.spread), quantity.status.word());
    }
    say!("");
    if let Some(Rollup { w_kg, .. }) = fresh {
        say!("Sized from scratch with masses of heritage, panels at {FRESH_K:.0} K, no battery:");
        say!("  median {:.1} W/kg, 95 % {:.1} to {:.1}", w_kg.median, w_kg.low, w_kg.high);
    }
    say!("All ranges but the profile's own are assumed; nothing here was weighed.");
    Ok(())
}

/// Whether an input says anything: not the battery that is not there, nor a margin or mechanism of nothing.
fn counts(profile: &Profile, input: &Input) -> bool {
    let absent = input.name.starts_with("battery") && profile.battery.is_none();
    !absent && input.quantity.spread != Spread::Fixed(0.0)
}

/// Four digits and a bit, as scales have them.
fn kilograms(kg: f64) -> String {
    match kg {
        kg if kg >= 100.0 => format!("{kg:.0}"),
        kg if kg >= 1.0 => format!("{kg:.2}"),
        kg => format!("{kg:.4}"),
    }
}

fn range(spread: &Spread) -> String {
    match *spread {
        Spread::Triangular { low, mode, high } if high > low => format!("{mode} ({low} to {high})"),
        Spread::Normal { mean, sigma } if sigma > 0.0 => format!("{mean} +- {sigma}"),
        _ => format!("{}", spread.centre()),
    }
}

fn as_json<const N: usize>(rollup: &Rollup<N>) -> Value {
    let outcome = |o: &Outcome| json!({ "median": o.median, "low": o.low, "high": o.high, "mean": o.mean, "sigma": o.sigma });
    let inputs: Vec<Value> = rollup
        .inputs
        .iter()
        .zip(&rollup.w_kg.shares)
        .map(|(input, share)| {
            let spread = match input.quantity.spread {
                Spread::Fixed(value) => json!({ "value": value }),
                Spread::Triangular { low, mode, high } => json!({ "low": low, "mode": mode, "high": high }),
                Spread::Normal { mean, sigma } => json!({ "mean": mean, "sigma": sigma }),
            };
            json!({ "name": input.name, "spread": spread, "status": input.quantity.status.word(), "variance_share": share })
        })
        .collect();
    let parts: Vec<Value> = PARTS
        .iter()
        .zip(&rollup.kg)
        .zip(rollup.centre.kg)
        .map(|((part, o), kg)| json!({ "part": part, "kg": kg, "draws_kg": outcome(o) }))
        .collect();
    json!({
        "compute_kw": rollup.centre.compute_kw,
        "total_kg": rollup.centre.total_kg,
        "parts": parts,
        "draws_total_kg": outcome(&rollup.total_kg),
        "draws_kg_kw": outcome(&rollup.kg_kw),
        "draws_w_kg": outcome(&rollup.w_kg),
        "inputs": inputs,
    })
}

/// Columns of the curves' CSV.
const CURVES: &str = "supply_degc,panel_degc,net_w_m2,area_m2,faces_m2,radiator_kg,satellite_kg,kg_kw,w_kg,pump_lift_k,pump_kw,pump_panel_degc,\
                      pump_area_m2,pump_radiator_kg,pump_satellite_kg,pump_kg_kw";

pub(crate) fn trade(args: &TradeArgs) -> Result<Exit> {
    let profile = plan::parsed(&args.profile)?;
    let pump = checked(args)?;
    let trade = Trade::new(&profile);
    let count = ((args.to - args.from) / args.step + 1e-9).floor() as u32;
    let supplies = (0..=count).map(|k| args.from + f64::from(k) * args.step);
    let points: Vec<(f64, Option<Point>, Option<Point>)> =
        supplies.map(|degc| (degc, trade.at(Celsius(degc)), trade.best_pumped(Celsius(degc), &pump))).collect();
    if let Some(path) = &args.csv {
        exit::write(path, csv(&points, trade.compute_kw)?)?;
    }
    say!("{}: {:.1} kW of heat", profile.name, trade.heat_kw);
    if let Some(air) = trade.air {
        say!(
            "The coil is sized for the warmest moment of one day: it gives {:.1} W/(m2 K)\nof planform to {:.1} °C.",
            air.film_w_m2k,
            Celsius::from(air.temperature).0
        );
    } else {
        say!("The radiator is sized for the hottest moment of one orbit.");
    }
    say!("Heat pump: {} of Carnot, {} kg/kW, at the lift that makes all of it lightest", args.carnot, args.pump_kg_kw);
    say!("");
    let (panels, radiator, all) = if on_the_ground(&profile) { ("coil", "coil", "building") } else { ("panels", "radiator", "satellite") };
    say!("  coolant {panels:>8}    sheds   area {radiator:>8} {all:>9} | heat pump     {all:>9}");
    say!("       °C       °C     W/m2     m2       kg     kg/kW | lift K     kW     kg/kW");
    for (degc, plain, pumped) in &points {
        let left = plain.map_or(format!("{:>46}", "sheds nothing "), |p| {
            let panel = Celsius::from(p.panel).0;
            format!("{panel:>9.1}{:>9.1}{:>7.1}{:>9.0}{:>10.2} ", p.net_w_m2, p.area_m2, p.radiator_kg, p.kg_kw)
        });
        let right = match pumped {
            Some(p) if p.lift_k > 0.0 => format!("{:>7.1}{:>7.1}{:>10.2}", p.lift_k, p.pump_kw, p.kg_kw),
            Some(_) => "  does not pay".to_owned(),
            None => "  does not help".to_owned(),
        };
        say!("  {degc:>7.1}{left}|{right}");
    }
    say!("");
    say!("{}", advice(&points));
    Ok(Exit::Done)
}

fn advice(points: &[(f64, Option<Point>, Option<Point>)]) -> String {
    let slope = points.windows(2).rev().find_map(|w| match (w[0].1, w[1].1) {
        (Some(a), Some(b)) => Some((b.kg_kw - a.kg_kw) / (w[1].0 - w[0].0)),
        _ => None,
    });
    let mut words = String::from("Without a pump warmer is lighter all the way: the limit is what the cards bear");
    if let Some(slope) = slope {
        // Writing to a String cannot fail.
        let _ = write!(words, "\n({slope:+.3} kg/kW a kelvin at the hot end). What it costs in work is not in it.");
    }
    words
}

fn checked(args: &TradeArgs) -> Result<HeatPump> {
    let refuse = |why: String| -> Result<HeatPump> { Err(BadInput(why).into()) };
    let within = |v: f64, low: f64, high: f64| v.is_finite() && v >= low && v <= high;
    if !(within(args.from, -150.0, 200.0) && within(args.to, args.from, 200.0)) {
        return refuse(format!("--from {} --to {}: expected temperatures from -150 to 200 °C, the lower first", args.from, args.to));
    }
    if !(within(args.step, 0.01, 350.0)) {
        return refuse(format!("--step {}: expected from 0.01 to 350 K", args.step));
    }
    if !within(args.carnot, 0.01, 1.0) {
        return refuse(format!("--carnot {}: expected from 0.01 to 1; nothing beats Carnot", args.carnot));
    }
    if !within(args.pump_kg_kw, 0.0, 1e4) {
        return refuse(format!("--pump-kg-kw {}: expected from 0 to 10000 kg/kW", args.pump_kg_kw));
    }
    Ok(HeatPump { carnot_frac: args.carnot, kg_kw: args.pump_kg_kw })
}

fn csv(points: &[(f64, Option<Point>, Option<Point>)], compute_kw: f64) -> Result<String> {
    let mut text = format!("{CURVES}\n");
    for (degc, plain, pumped) in points {
        write!(text, "{degc:.3}")?;
        // What cannot be built is missing, not 0.
        match plain {
            Some(p) => write!(
                text,
                ",{:.3},{:.3},{:.4},{:.4},{:.3},{:.3},{:.4},{:.4}",
                Celsius::from(p.panel).0,
                p.net_w_m2,
                p.area_m2,
                p.faces_m2,
                p.radiator_kg,
                p.total_kg,
                p.kg_kw,
                compute_kw * 1e3 / p.total_kg
            )?,
            None => text.push_str(",,,,,,,,"),
        }
        match pumped {
            Some(p) => writeln!(
                text,
                ",{:.3},{:.4},{:.3},{:.4},{:.3},{:.3},{:.4}",
                p.lift_k,
                p.pump_kw,
                Celsius::from(p.panel).0,
                p.area_m2,
                p.radiator_kg,
                p.total_kg,
                p.kg_kw
            )?,
            None => text.push_str(",,,,,,,\n"),
        }
    }
    Ok(text)
}
