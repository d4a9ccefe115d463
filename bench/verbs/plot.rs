//! `profile plot`: a year of an orbit and its environment, as text for the terminal, as SVG and as CSV.
//!
//! What is drawn is decided here, once; the two renderers only draw it. Nothing here knows physics: the numbers are
//! [`model::season`]'s.

mod axis;
mod figure;
mod svg;
mod terminal;

use crate::exit::{self, BadInput, Exit};
use crate::plan;
use anyhow::{Context, Result};
use clap::Args;
use figure::{Figure, Mark, Panel, Point, Rule, Series};
use jiff::{SignedDuration, Timestamp};
use model::constants::DAY_S;
use model::season::{self, Day, Range, Shine, Span};
use model::{Place, Profile};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct PlotArgs {
    /// A name from `profile list` or a TOML file
    profile: String,
    /// Write a self-contained SVG to this file; `-` is standard output
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a row a day to this CSV file; `-` is standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// How many days; a year, or what the trajectory is known for, if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: Option<u32>,
    /// First instant, such as 2026-01-01T00:00:00Z; the first of January of the epoch's year if left out
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
}

/// Fewer days than this are drawn in finer stretches than days.
const FINE_DAYS: f64 = 20.0;

pub(crate) fn plot(args: &PlotArgs) -> Result<Exit> {
    let profile = plan::parsed(&args.profile)?;
    let (from, from_s, to_s) = span(&profile, args)?;
    let days = (to_s - from_s) / DAY_S;
    // Never shorter than a sample or two of a fast orbit.
    let stretch_s = if days < FINE_DAYS { (days * DAY_S / 720.0).max(60.0) } else { DAY_S };
    let span = season::in_stretches(&profile.environment, from_s, to_s, stretch_s);
    let figure = figure(&profile, &span, from, days, stretch_s < DAY_S);
    let mut printed = false;
    let mut out = |file: Option<&Path>, text: &str| -> Result<()> {
        match file {
            Some(file) if file.as_os_str() != "-" => {
                exit::write(file, text)?;
                eprintln!("wrote {}", file.display());
            }
            Some(_) => {
                say!("{}", text.trim_end());
                printed = true;
            }
            None => {}
        }
        Ok(())
    };
    if let Some(file) = &args.svg {
        out(Some(file), &svg::draw(&figure))?;
    }
    if let Some(file) = &args.csv {
        out(Some(file), &csv(&profile, &span)?)?;
    }
    // Standard output is either a file for a program or a chart for a person.
    if !printed {
        say!("{}", terminal::draw(&figure).trim_end());
    }
    Ok(Exit::Done)
}

/// The instant of the left edge, and the span in mission seconds.
fn span(profile: &Profile, args: &PlotArgs) -> Result<(Timestamp, f64, f64)> {
    let known = profile.environment.span_s();
    let first_of_year = || -> Result<Timestamp> {
        let epoch = profile.epoch.to_zoned(jiff::tz::TimeZone::UTC);
        Ok(epoch.first_of_year()?.start_of_day()?.timestamp())
    };
    let wanted = match args.from {
        Some(from) => from,
        None => first_of_year()?,
    };
    let mut from_s = wanted.duration_since(profile.epoch).as_secs_f64();
    if args.from.is_none() && *known.start() > from_s {
        from_s = *known.start();
    }
    let to_s = (from_s + f64::from(args.days.unwrap_or(365)) * DAY_S).min(if args.from.is_none() && args.days.is_none() {
        *known.end()
    } else {
        f64::INFINITY
    });
    let instant = |s: f64| profile.epoch.checked_add(SignedDuration::from_secs_f64(s)).context("beyond the calendar");
    if !known.contains(&from_s) || !known.contains(&to_s) || from_s >= to_s {
        let ends = [*known.start(), *known.end()].map(|s| instant(s).map_or_else(|_| "forever".to_owned(), |t| format!("{t:.0}")));
        let message =
            format!("{} is known from {} to {} only: nothing is extrapolated; use --from and --days", profile.name, ends[0], ends[1]);
        return Err(BadInput(message).into());
    }
    Ok((instant(from_s)?, from_s, to_s))
}

fn minutes(s: f64) -> String {
    if s >= 6.0 * 3600.0 { format!("{:.1} h", s / 3600.0) } else { format!("{:.1} min", s / 60.0) }
}

/// What is drawn.
fn figure(profile: &Profile, span: &Span, from: Timestamp, days: f64, fine: bool) -> Figure {
    let start_s = span.days.first().map_or(0.0, |d| d.start_s);
    let at = |s: f64| (s - start_s) / DAY_S;
    let points = |of: &dyn Fn(&Day) -> Range| -> Vec<Point> {
        span.days
            .iter()
            .map(|d| {
                let Range { least, mean, most } = of(d);
                Point { day: at(f64::midpoint(d.start_s, d.end_s)), least, mean, most }
            })
            .collect()
    };
    let line =
        |name: &str, colour, of: &dyn Fn(&Day) -> Range| Series { name: name.to_owned(), mark: Mark::Band, colour, points: points(of) };
    let exact = |value: f64| Range { least: value, mean: value, most: value };
    let orbit = profile.environment.trajectory().is_some();
    let mut panels = Vec::new();
    if span.beta_deg.is_some() {
        let limb = span.cylinder.map(|c| c.limb_deg);
        let rules = limb.map_or_else(Vec::new, |limb| {
            [(limb, "no eclipse above"), (-limb, "no eclipse below")]
                .map(|(at, words)| Rule { at, label: format!("{words} {}", figure::number(at, 1)) })
                .to_vec()
        });
        let series = vec![line(words(profile).angle, 0, &|d| d.beta_deg.unwrap_or(exact(f64::NAN)))];
        let title = words(profile).title;
        panels.push(Panel { title: title.into(), unit: "deg".into(), series, rules, from_zero: false });
    }
    if fine {
        let series = vec![line("visible part of the Sun", 1, &|d| exact(100.0 * d.sunlit_frac))];
        panels.push(Panel { title: "Sunlight".into(), unit: "%".into(), series, rules: Vec::new(), from_zero: true });
    } else if orbit && span.longest_eclipse_s > 0.0 {
        let long = span.longest_eclipse_s >= 6.0 * 3600.0;
        let (unit, scale) = if long { ("h", 3600.0) } else { ("min", 60.0) };
        let mut area = line("longest of the day", 1, &|d| exact(d.longest_eclipse_s / scale));
        area.mark = Mark::Area;
        panels.push(Panel {
            title: "Eclipse, penumbra included".into(),
            unit: unit.into(),
            series: vec![area],
            rules: Vec::new(),
            from_zero: true,
        });
    }
    // With one eclipse a day this would be the same again.
    if !fine && span.longest_eclipse_s > 0.0 && (!orbit || profile.environment.period_s() < DAY_S / 2.0) {
        let mut area = line(if orbit { "mean of the week" } else { "all of the day" }, 1, &|d| exact(d.dark_s / 3600.0));
        area.mark = Mark::Area;
        if orbit {
            smooth(&mut area.points);
        }
        panels.push(Panel {
            title: "Time in shadow".into(),
            unit: "h a day".into(),
            series: vec![area],
            rules: Vec::new(),
            from_zero: true,
        });
    }
    // In a building no panel faces anything: heat goes to air or water.
    let indoors = profile.environment.at(start_s).ambient.is_some();
    if !indoors {
        let series = if alike(&span.a, &span.b) {
            vec![line("each face", 2, &|d| d.a.total_w_m2)]
        } else {
            vec![line("face a", 2, &|d| d.a.total_w_m2), line("face b", 3, &|d| d.b.total_w_m2)]
        };
        panels
            .push(Panel { title: "Light and glow on the panel".into(), unit: "W/m²".into(), series, rules: Vec::new(), from_zero: true });
    }
    let series = vec![line(if indoors { "air or water" } else { "panel without heat" }, 4, &|d| d.sink_k.to_celsius())];
    panels.push(Panel { title: "Sink temperature".into(), unit: "°C".into(), series, rules: Vec::new(), from_zero: false });
    Figure {
        title: profile.title.clone(),
        subtitle: subtitle(profile, span),
        facts: facts(span, &words(profile)),
        shaded: "eclipse season",
        from,
        days,
        // Nights come and go like days; only eclipses have seasons.
        seasons: if orbit { span.seasons.iter().map(|s| (at(s.first_s), at(s.last_s))).collect() } else { Vec::new() },
        panels,
        tips: if fine { Vec::new() } else { span.days.iter().map(|d| (at(d.start_s), tip(profile, d))).collect() },
    }
}

fn subtitle(profile: &Profile, span: &Span) -> String {
    let environment = &profile.environment;
    let mut text = profile.name.clone();
    if let Some(trajectory) = environment.trajectory() {
        let period_s = trajectory.period_s();
        let altitude_km =
            |k: u32| trajectory.at(span.days[0].start_s + period_s * f64::from(k) / 64.0).radius_km - trajectory.body().radius_km();
        let (low, high) = (0..64).map(altitude_km).fold((f64::MAX, 0.0_f64), |(low, high), km| (low.min(km), high.max(km)));
        let _ = if high - low < 1.0 { write!(text, ", {low:.0} km") } else { write!(text, ", {low:.0} to {high:.0} km") };
        let _ = write!(text, ", period {:.1} min", period_s / 60.0);
    }
    text
}

/// Means over a week. An orbit does not divide the day: some days have an eclipse more than their neighbours, which says nothing.
fn smooth(points: &mut [Point]) {
    let days: Vec<f64> = points.iter().map(|p| p.mean).collect();
    for (index, point) in points.iter_mut().enumerate() {
        let week = &days[index.saturating_sub(3)..(index + 4).min(days.len())];
        let mean = week.iter().sum::<f64>() / week.len() as f64;
        (point.least, point.mean, point.most) = (mean, mean, mean);
    }
}

/// Two faces that nobody could tell apart in a chart.
fn alike(a: &Shine, b: &Shine) -> bool {
    let near = |x: f64, y: f64| (x - y).abs() <= 0.02 * x.abs().max(y.abs());
    near(a.total_w_m2.mean, b.total_w_m2.mean) && near(a.total_w_m2.most, b.total_w_m2.most)
}

/// What the Sun's angle, and being without it, are called.
struct Words {
    angle: &'static str,
    title: &'static str,
    dark: &'static str,
    none: &'static str,
}

fn words(profile: &Profile) -> Words {
    match profile.environment.place() {
        Place::Orbit(_) => Words { angle: "beta", title: "Angle of the Sun to the orbit plane", dark: "eclipse", none: "eclipses" },
        Place::Timeline(_) | Place::DeepSpace(_) => Words { angle: "beta", title: "Angle of the Sun", dark: "eclipse", none: "eclipses" },
        Place::LunarSurface(_) | Place::Ground(_) => {
            Words { angle: "elevation", title: "Height of the Sun", dark: "night", none: "nights" }
        }
    }
}

/// The figures that an orbit is chosen by.
fn facts(span: &Span, words: &Words) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    let range =
        |r: Range, decimals, unit: &str| format!("{} … {} {unit}", figure::number(r.least, decimals), figure::number(r.most, decimals));
    if let Some(beta) = span.beta_deg {
        fact(words.angle, range(beta, 1, "deg"));
    }
    // A building on the grid has no Sun to lose.
    let sunless = span.beta_deg.is_none() && span.longest_eclipse_s == 0.0 && words.dark == "night";
    if !sunless {
        fact("sunlit", format!("{:.2} %", 100.0 * span.sunlit_frac));
    }
    if span.longest_eclipse_s > 0.0 {
        fact(
            &format!("days with {}", words.dark),
            format!("{} of {}", span.eclipse_days, ((span.days[span.days.len() - 1].end_s - span.days[0].start_s) / DAY_S).ceil()),
        );
        fact(&format!("longest {}", words.dark), minutes(span.longest_eclipse_s));
        if words.dark == "eclipse" {
            fact("longest umbra", minutes(span.longest_umbra_s));
        }
    } else if !sunless {
        fact(words.none, "none".to_owned());
    }
    fact("sink", range(span.sink_k.to_celsius(), 0, "°C"));
    facts
}

/// One day in words.
fn tip(profile: &Profile, day: &Day) -> String {
    let words = words(profile);
    let date = instant(profile, day.start_s).map_or_else(|_| String::new(), |t| t.strftime("%e %b %Y").to_string());
    let mut text = date.trim_start().to_owned();
    if let Some(beta) = day.beta_deg {
        let _ = write!(text, "\n{} {} deg", words.angle, figure::number(beta.mean, 1));
    }
    if day.eclipses > 0 {
        let _ = write!(text, "\nlongest {} {}, {} in shadow", words.dark, minutes(day.longest_eclipse_s), minutes(day.dark_s));
    } else {
        let _ = write!(text, "\nno {}", words.dark);
    }
    let shine = |s: &Shine| format!("{:.0} W/m² ({:.0} … {:.0})", s.total_w_m2.mean, s.total_w_m2.least, s.total_w_m2.most);
    let indoors = profile.environment.at(day.start_s).ambient.is_some();
    if indoors {
        // No panel, no light on it.
    } else if alike(&day.a, &day.b) {
        let _ = write!(text, "\neach face {}", shine(&day.a));
    } else {
        let _ = write!(text, "\nface a {}\nface b {}", shine(&day.a), shine(&day.b));
    }
    let sink = day.sink_k.to_celsius();
    let _ =
        write!(text, "\nsink {} °C ({} … {})", figure::number(sink.mean, 0), figure::number(sink.least, 0), figure::number(sink.most, 0));
    text
}

fn instant(profile: &Profile, mission_s: f64) -> Result<Timestamp> {
    Ok(profile.epoch.checked_add(SignedDuration::from_secs_f64(mission_s))?)
}

/// A row a day. Empty cells are what does not exist: beta without an orbit.
fn csv(profile: &Profile, span: &Span) -> Result<String> {
    let mut text = String::from(
        "utc,mission_s,env_beta_deg,env_sunlit_frac,env_eclipses,env_longest_eclipse_s,env_dark_s,\
         env_a_solar_w_m2,env_a_albedo_w_m2,env_a_ir_w_m2,env_a_least_w_m2,env_a_most_w_m2,\
         env_b_solar_w_m2,env_b_albedo_w_m2,env_b_ir_w_m2,env_b_least_w_m2,env_b_most_w_m2,\
         env_sink_degc,env_sink_least_degc,env_sink_most_degc\n",
    );
    for d in &span.days {
        let beta = d.beta_deg.map_or_else(String::new, |b| format!("{:.4}", b.mean));
        write!(text, "{:.3},{:.3},{beta},{:.6},{}", instant(profile, d.start_s)?, d.start_s, d.sunlit_frac, d.eclipses)?;
        write!(text, ",{:.2},{:.2}", d.longest_eclipse_s, d.dark_s)?;
        for s in [&d.a, &d.b] {
            write!(text, ",{:.3},{:.3},{:.3}", s.mean.solar_w_m2, s.mean.albedo_w_m2, s.mean.ir_w_m2)?;
            write!(text, ",{:.3},{:.3}", s.total_w_m2.least, s.total_w_m2.most)?;
        }
        let sink = d.sink_k.to_celsius();
        writeln!(text, ",{:.3},{:.3},{:.3}", sink.mean, sink.least, sink.most)?;
    }
    Ok(text)
}
