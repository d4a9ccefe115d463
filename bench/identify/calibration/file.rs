//! The file of a calibration, written and read.

use super::{Calibration, Instrument, Parameter, Source, VALID_DAYS};
use crate::linear::Square;
use crate::parameter::Key;
use signal::{Document, Problems};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The only layout there is.
const SCHEMA: i64 = 1;

/// The id of a file's text: of all its lines but that of the id itself.
pub(super) fn id_of(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    for line in text.lines().filter(|l| !l.starts_with("id = ")) {
        rest.push_str(line.trim_end());
        rest.push('\n');
    }
    format!("cal-{}", &record::sha256(rest.as_bytes())[..12])
}

/// A string as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A number with every digit it has, and a point or exponent in it.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// Ranges and residuals that a file may have.
const QUANTITIES: [&str; 5] = ["plate_degc", "sink_degc", "die_degc", "tec_a", "power_w"];
const RESIDUALS: [&str; 4] = ["plate_k", "sink_k", "die_k", "voltage_v"];

impl Calibration {
    /// The file.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = write_all(self, &mut out);
        out
    }

    /// Reads a file; every problem at once. One that was changed since it was written is refused.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let document = Document::parse(file, text);
        let root = document.root();
        let schema = root.integer("schema", 1..=i64::from(u32::MAX));
        if schema != SCHEMA {
            root.problem("schema", format_args!("{schema} is not known: this version reads calibrations of schema {SCHEMA}"));
        }
        let id = root.text("id", "the calibration's own id");
        if id != id_of(text) {
            root.problem(
                "id",
                format_args!(
                    "\"{id}\" is not that of this content ({}): the file was changed after it was written; calibrate again",
                    id_of(text)
                ),
            );
        }
        let made = root.instant("made");
        let sha = |section: &signal::Section<'_>, key: &str| {
            let found = section.text(key, "a SHA-256 in hexadecimal");
            if !(found.is_empty() || found.len() == 64 && found.bytes().all(|b| b.is_ascii_hexdigit())) {
                section.problem(key, "64 hexadecimal digits are expected");
            }
            found
        };
        let mut read = Self {
            id,
            made,
            valid_days: root.number_or("valid_days", 1.0..=3660.0, VALID_DAYS),
            rig: root.text("rig", "the rig's name"),
            rig_sha256: sha(&root, "rig_sha256"),
            simulated: root.flag_or("simulated", false),
            instruments: BTreeMap::new(),
            logs: Vec::new(),
            parameters: Vec::new(),
            covariance: Square::zero(Key::ALL.len()),
            validity: BTreeMap::new(),
            residuals: BTreeMap::new(),
            steady: None,
        };
        for (name, section) in root.optional_section("instrument").named_sections() {
            let serial_number = section
                .optional_number("serial_number", 0.0..=f64::from(u32::MAX))
                .map(|_| section.integer("serial_number", 0..=i64::from(u32::MAX)) as u32);
            read.instruments.insert(name, Instrument { identity: section.optional_text("identity", "what it said it is"), serial_number });
        }
        for (_, section) in root.optional_section("log").named_sections() {
            read.logs.push(Source { file: section.text("file", "where the log was"), sha256: sha(&section, "sha256") });
        }
        let parameters = root.section("parameter");
        for key in Key::ALL {
            let section = parameters.section(key.name());
            let (low, high) = key.range();
            let unit = section.text("unit", key.unit());
            if section.exists() && unit != key.unit() {
                section.problem("unit", format_args!("\"{unit}\" is not the unit of {}: expected \"{}\"", key.name(), key.unit()));
            }
            read.parameters.push(Parameter {
                key,
                believed: section.number("believed", low..=high),
                value: section.number("value", low..=high),
                sigma: section.number("standard_uncertainty", 0.0..=1e6),
                rests: section.text("rests_on", "what the value rests on"),
            });
        }
        read.read_covariance(&root.section("covariance"));
        let validity = root.section("validity");
        for quantity in QUANTITIES {
            let range = validity.numbers(quantity, -1e4..=1e4);
            match range[..] {
                [] => {}
                [low, high] if low <= high => {
                    read.validity.insert(quantity.to_owned(), (low, high));
                }
                _ => validity.problem(quantity, "expected two numbers, the smaller first"),
            }
        }
        let residuals = root.optional_section("residual");
        for channel in RESIDUALS {
            if let Some(rms) = residuals.optional_number(channel, 0.0..=1e3) {
                read.residuals.insert(channel.to_owned(), rms);
            }
        }
        let steady = root.optional_section("steady_states");
        if steady.exists() {
            read.steady = Some((steady.number("loss_w_k", -100.0..=100.0), steady.number("standard_uncertainty", 0.0..=1e3)));
        }
        document.finish(read)
    }

    fn read_covariance(&mut self, section: &signal::Section<'_>) {
        for (i, key) in Key::ALL.into_iter().enumerate() {
            let row = section.numbers(key.name(), -1e12..=1e12);
            if row.len() != Key::ALL.len() {
                section.problem(key.name(), format_args!("{} numbers: expected {}, one for each parameter", row.len(), Key::ALL.len()));
                continue;
            }
            for (j, value) in row.into_iter().enumerate() {
                self.covariance.set(i, j, value);
            }
        }
        let (c, p) = (&self.covariance, &self.parameters);
        for i in 0..Key::ALL.len() {
            let own = c.get(i, i);
            if (own - p[i].sigma.powi(2)).abs() > 1e-6 * own.max(p[i].sigma.powi(2)) {
                section.problem(Key::ALL[i].name(), "the variance is not the square of the standard uncertainty");
            }
            for j in 0..i {
                let (a, b) = (c.get(i, j), c.get(j, i));
                if (a - b).abs() > 1e-9 * (own * c.get(j, j)).sqrt() || a * a > own * c.get(j, j) * (1.0 + 1e-9) {
                    section.problem(Key::ALL[i].name(), format_args!("this and the row of {} make no covariance", Key::ALL[j].name()));
                }
            }
        }
    }
}

fn write_all(c: &Calibration, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# What this bench was found to be, by `orbitbench rig calibrate`. Do not edit: the id is made of the content.")?;
    writeln!(out, "schema = {SCHEMA}")?;
    writeln!(out, "id = {}", quoted(&c.id))?;
    writeln!(out, "made = {}", quoted(&c.made.to_string()))?;
    writeln!(out, "valid_days = {}", number(c.valid_days))?;
    writeln!(out, "rig = {}", quoted(&c.rig))?;
    writeln!(out, "rig_sha256 = {}", quoted(&c.rig_sha256))?;
    writeln!(out, "simulated = {}", c.simulated)?;
    for (name, instrument) in &c.instruments {
        writeln!(out, "\n[instrument.{}]", quoted(name))?;
        if let Some(identity) = &instrument.identity {
            writeln!(out, "identity = {}", quoted(identity))?;
        }
        if let Some(serial) = instrument.serial_number {
            writeln!(out, "serial_number = {serial}")?;
        }
    }
    for (n, log) in c.logs.iter().enumerate() {
        writeln!(out, "\n[log.{}]\nfile = {}\nsha256 = {}", n + 1, quoted(&log.file), quoted(&log.sha256))?;
    }
    writeln!(out, "\n# What was seen while it was found; outside of it nothing is claimed.\n[validity]")?;
    for (quantity, (low, high)) in &c.validity {
        writeln!(out, "{quantity} = [{}, {}]", number(*low), number(*high))?;
    }
    writeln!(out, "\n# Root mean square of what was read less what the plant with these parameters gives.\n[residual]")?;
    for (channel, rms) in &c.residuals {
        writeln!(out, "{channel} = {}", number(*rms))?;
    }
    if let Some((loss, sigma)) = c.steady {
        writeln!(out, "\n# UA_loss again, from steady states alone.\n[steady_states]")?;
        writeln!(out, "loss_w_k = {}\nstandard_uncertainty = {}", number(loss), number(sigma))?;
    }
    for p in &c.parameters {
        writeln!(out, "\n[parameter.{}] # {}", p.key.name(), p.key.meaning())?;
        writeln!(out, "value = {}\nstandard_uncertainty = {}", number(p.value), number(p.sigma))?;
        writeln!(out, "unit = {}\nbelieved = {}\nrests_on = {}", quoted(p.key.unit()), number(p.believed), quoted(&p.rests))?;
    }
    writeln!(out, "\n# Rows and columns in the order of the parameters above, in their units.\n[covariance]")?;
    for (i, key) in Key::ALL.into_iter().enumerate() {
        let row: Vec<String> = (0..Key::ALL.len()).map(|j| number(c.covariance.get(i, j))).collect();
        writeln!(out, "{} = [{}]", key.name(), row.join(", "))?;
    }
    Ok(())
}
