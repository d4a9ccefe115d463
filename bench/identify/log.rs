//! Logs of a bench as the fit wants them: samples of what was imposed and what was read, cut into stretches without gaps. A log is a
//! run folder (`samples.csv` with its `run.toml`) or any CSV file with the same column names. Missing is missing: a cell that is
//! empty or not `good` is neither an input nor an observation.

use record::{Folder, Table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A pause of more than so many usual steps parts two stretches.
const GAP_STEPS: f64 = 3.5;
/// Shorter stretches say nothing about anything slow, and cost three unknowns each, s.
const SHORTEST_S: f64 = 60.0;

/// Steps of current that stand out of its noise by so many standard deviations, and of its range by this part, are jolts.
const JOLT_SIGMAS: f64 = 6.0;
const JOLT_FRAC: f64 = 0.02;
/// Most of them in a stretch: the largest.
const MOST_JOLTS: usize = 40;

/// Rows at which the current jumped since the row before, with how far its mean over that time is known, A. A reading says what flowed
/// at one moment; where in the step a jump was, it does not say.
pub fn jolts(rows: &[Sample]) -> Vec<(usize, f64)> {
    let steps: Vec<f64> = rows.windows(2).map(|w| w[1].amps.zip(w[0].amps).map_or(0.0, |(b, a)| b - a)).collect();
    let mut sizes: Vec<f64> = steps.iter().map(|s| s.abs()).filter(|s| *s > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let largest = rows.iter().filter_map(|r| r.amps).fold(0.0, |m: f64, a| m.max(a.abs()));
    // 1.4826 times the median deviation is the standard deviation of what is normal in between.
    let noise = 1.4826 * sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let least = (JOLT_SIGMAS * noise).max(JOLT_FRAC * largest);
    let mut found: Vec<(usize, f64)> = steps.iter().enumerate().filter(|(_, s)| s.abs() > least).map(|(k, s)| (k + 1, s.abs())).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(MOST_JOLTS);
    found.sort_by_key(|j| j.0);
    // Anywhere in the step with equal chance.
    found.into_iter().map(|(k, size)| (k, size / 12_f64.sqrt())).collect()
}

/// Part of a log's rows that read the very same as the row before, above which a sensor is taken to show whole steps.
const WHOLE_STEPS_FRAC: f64 = 0.3;

/// For how long the reading of `channel` around each row stays the very same, s; `None` if it mostly changes from row to row. A sensor
/// that shows whole degrees is wrong by the same amount for about that long.
pub fn unchanged_s(rows: &[Sample], channel: Channel) -> Option<Vec<f64>> {
    let same = |k: usize| rows[k].read[channel as usize].is_some() && rows[k].read[channel as usize] == rows[k - 1].read[channel as usize];
    let alike = (1..rows.len()).filter(|k| same(*k)).count();
    if (alike as f64) < WHOLE_STEPS_FRAC * rows.len() as f64 {
        return None;
    }
    let mut out = Vec::with_capacity(rows.len());
    let mut from = 0;
    for k in 1..=rows.len() {
        if k == rows.len() || !same(k) {
            let end_s = rows[k.min(rows.len() - 1)].t_s;
            out.resize(k, end_s - rows[from].t_s);
            from = k;
        }
    }
    Some(out)
}

/// What the sensors show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Plate, °C.
    Plate,
    /// Heat sink, °C.
    Sink,
    /// Die, °C.
    Die,
    /// Voltage at the controller's output while it is on, V.
    Volts,
}

impl Channel {
    /// Every one, in order.
    pub const ALL: [Self; 4] = [Self::Plate, Self::Sink, Self::Die, Self::Volts];

    /// The word for people and files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Sink => "sink",
            Self::Die => "die",
            Self::Volts => "voltage",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Volts => "V",
            _ => "K",
        }
    }
}

/// One row of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Bench seconds.
    pub t_s: f64,
    /// TEC current at this moment, A; positive cools.
    pub amps: Option<f64>,
    /// The TEC controller's output is on.
    pub on: Option<bool>,
    /// Mean board power over the time since the row before, W.
    pub board_w: Option<f64>,
    /// How far the setpoint moved at the row before, which the regulator answered since, K; 0 where it stood, or nobody says.
    pub moved_k: f64,
    /// Mean power of a calibration heater on the plate over that time, W; 0 where there is none.
    pub heater_w: f64,
    /// Room air, °C.
    pub ambient_degc: Option<f64>,
    /// What was read, by [`Channel`].
    pub read: [Option<f64>; 4],
}

/// A log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Where it was read from.
    pub name: String,
    /// SHA-256 of the samples; empty if they never were a file.
    pub sha256: String,
    /// The rig it says it was flown on.
    pub rig: Option<String>,
    /// What the instruments said they are, by name.
    pub identities: BTreeMap<String, String>,
    /// Any part of the bench was emulated; `None` where the log does not say.
    pub simulated: Option<bool>,
    /// The board sits on the plate, so that its power is heat there; `None` where the log does not say.
    pub coupled: Option<bool>,
    /// Rows in time order.
    pub samples: Vec<Sample>,
}

/// Why a log cannot be used.
#[derive(Debug, Error)]
pub enum LogError {
    /// The file cannot be read, or a cell of it.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// What it holds makes no log.
    #[error("{file}: {why}")]
    Unusable {
        /// The file, with a line where there is one.
        file: String,
        /// What is wrong, what was expected, what to do.
        why: String,
    },
}

/// Columns that a log may have: name, least and greatest value that can be true.
const BOUNDS: [(&str, f64, f64); 10] = [
    ("rig_plate_degc", -100.0, 250.0),
    ("rig_sink_degc", -100.0, 250.0),
    ("accel_die_degc", -100.0, 250.0),
    ("rig_tec_v", -500.0, 500.0),
    ("rig_tec_a", -200.0, 200.0),
    ("rig_output", 0.0, 1.0),
    ("accel_power_w", 0.0, 20_000.0),
    ("rig_heater_w", 0.0, 20_000.0),
    ("rig_ambient_degc", -60.0, 80.0),
    ("rig_setpoint_degc", -100.0, 250.0),
];

impl Log {
    /// Reads a run folder, its `samples.csv`, or another CSV file.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let (folder, file) = if path.is_dir() {
            let folder = Folder::open(path)?;
            let file = folder.file(record::SAMPLES);
            (Some(folder), file)
        } else {
            let beside = path.parent().filter(|_| path.ends_with(record::SAMPLES)).and_then(|p| Folder::open(p).ok());
            (beside, path.to_owned())
        };
        let table = Table::read(&file)?;
        let mut log = Self { name: file.display().to_string(), sha256: record::sha256_file(&file)?, ..Self::default() };
        log.samples = samples(&table)?;
        if let Some(folder) = folder {
            log.take_manifest(&folder.file(record::RUN), &folder.text(record::RUN)?)?;
        }
        Ok(log)
    }

    /// What `run.toml` says: rig, coupling, identities.
    fn take_manifest(&mut self, path: &Path, text: &str) -> Result<(), LogError> {
        let manifest: toml::Table = text.parse().map_err(|why: toml::de::Error| unusable(path, format!("not TOML: {}", why.message())))?;
        let table = |key: &str| manifest.get(key).and_then(toml::Value::as_table);
        self.rig = table("rig").and_then(|r| r.get("name")).and_then(toml::Value::as_str).map(str::to_owned);
        self.simulated = manifest.get("simulated").and_then(toml::Value::as_bool);
        self.coupled = table("accelerator").and_then(|a| a.get("coupled")).and_then(toml::Value::as_bool);
        let identities = table("identities").into_iter().flatten();
        self.identities = identities.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
        Ok(())
    }

    /// Stretches in which every input is known, each at least a minute long. `coupled`: the board's power is an input.
    pub fn stretches(&self, coupled: bool) -> Vec<&[Sample]> {
        let step = self.step_s();
        let breaks = |before: &Sample, after: &Sample| {
            let apart = after.t_s - before.t_s;
            apart.is_nan() || apart > GAP_STEPS * step || after.amps.is_none() || (coupled && after.board_w.is_none())
        };
        let mut found = Vec::new();
        let mut from = 0;
        for at in 1..=self.samples.len() {
            if at == self.samples.len() || breaks(&self.samples[at - 1], &self.samples[at]) {
                let stretch = &self.samples[from..at];
                if stretch.last().is_some_and(|last| last.t_s - stretch[0].t_s >= SHORTEST_S) {
                    found.push(stretch);
                }
                from = at;
            }
        }
        found
    }

    /// The usual time between rows, s: the median.
    pub fn step_s(&self) -> f64 {
        let mut steps: Vec<f64> = self.samples.windows(2).map(|w| w[1].t_s - w[0].t_s).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or(0.0)
    }

    /// From the first row to the last, s.
    pub fn span_s(&self) -> f64 {
        self.samples.first().zip(self.samples.last()).map_or(0.0, |(a, b)| b.t_s - a.t_s)
    }
}

fn unusable(path: &Path, why: impl Into<String>) -> LogError {
    LogError::Unusable { file: path.display().to_string(), why: why.into() }
}

/// A column where it is there, with what is not `good`, and what cannot be true, refused or left out.
struct Reader<'t> {
    table: &'t Table,
    path: PathBuf,
}

impl Reader<'_> {
    fn column(&self, name: &str) -> Result<Vec<Option<f64>>, LogError> {
        if !self.table.has(name) {
            return Ok(vec![None; self.table.len()]);
        }
        let mut cells = self.table.numbers(name)?.to_vec();
        let quality = format!("{name}_quality");
        if self.table.has(&quality)
            && let Some(words) = self.table.words(&quality)?
        {
            for (cell, word) in cells.iter_mut().zip(words) {
                if !word.is_empty() && word != "good" {
                    *cell = None;
                }
            }
        }
        if let Some((_, low, high)) = BOUNDS.iter().find(|b| b.0 == name) {
            for (row, value) in cells.iter().enumerate() {
                if let Some(v) = value.filter(|v| !(*low..=*high).contains(v)) {
                    return Err(self.at(row, format!("`{name}` = {v} cannot be true: expected {low} to {high}; leave the cell empty")));
                }
            }
        }
        Ok(cells)
    }

    fn at(&self, row: usize, why: String) -> LogError {
        LogError::Unusable { file: format!("{}:{}", self.path.display(), row + 2), why }
    }
}

fn samples(table: &Table) -> Result<Vec<Sample>, LogError> {
    let reader = Reader { table, path: table.path().to_owned() };
    let clock = ["bench_s", "elapsed_s", "t_s"].into_iter().find(|c| table.has(c)).ok_or_else(|| {
        unusable(table.path(), "no column of time: expected `bench_s` (a run's), or `elapsed_s` or `t_s`, seconds from any start")
    })?;
    for needed in ["rig_plate_degc", "rig_tec_a"] {
        if !table.has(needed) {
            let found = table.names().join(", ");
            return Err(unusable(
                table.path(),
                format!("no column `{needed}`: a calibration needs the plate and the TEC current; it has {found}"),
            ));
        }
    }
    let times = table.numbers(clock)?;
    let [plate, sink, die, volts, amps, output, power, heater, ambient, setpoint] = {
        let mut columns = Vec::with_capacity(BOUNDS.len());
        for (name, _, _) in BOUNDS {
            columns.push(reader.column(name)?);
        }
        <[Vec<Option<f64>>; 10]>::try_from(columns).unwrap_or_else(|_| unreachable!("one column a bound"))
    };
    let energy = reader.column("accel_energy_j")?;
    let mut out: Vec<Sample> = Vec::with_capacity(table.len());
    let mut counter: Option<(f64, f64)> = None;
    for row in 0..table.len() {
        let t_s = times[row].ok_or_else(|| reader.at(row, format!("`{clock}` is empty: every row needs its time")))?;
        if let Some(before) = out.last()
            && t_s <= before.t_s
        {
            return Err(reader
                .at(row, format!("`{clock}` goes from {} to {t_s}: rows must be in time order; repair or split the file", before.t_s)));
        }
        let on = output[row].map(|v| v >= 0.5);
        // The counter's difference is the mean over the time between two of its ticks, whatever the power reading averages. One that runs
        // backwards was reset; one that stands while there is power was read before it ticked, and the next difference is over both rows.
        let stands = energy[row].zip(counter).is_some_and(|(now, (_, then))| now == then) && power[row].is_none_or(|w| w > 0.0);
        let counted = energy[row].zip(counter).filter(|(now, (_, then))| now >= then).map(|(now, (at, then))| (now - then) / (t_s - at));
        if let Some(now) = energy[row].filter(|_| !stands) {
            counter = Some((t_s, now));
        }
        // An order that was given while the output was on both before and after.
        let order = |row: usize| setpoint[row].filter(|_| output[row].is_none_or(|on| on >= 0.5));
        let moved_k = row.checked_sub(2).and_then(|before| Some(order(row - 1)? - order(before)?)).unwrap_or(0.0);
        out.push(Sample {
            t_s,
            // Off means no current, whether or not that was read too.
            amps: amps[row].or((on == Some(false)).then_some(0.0)),
            on,
            board_w: counted.filter(|_| !stands).or(power[row]),
            moved_k,
            heater_w: heater[row].unwrap_or(0.0),
            ambient_degc: ambient[row],
            // A stage that is off is disconnected: its voltage says nothing of the modules.
            read: [plate[row], sink[row], die[row], volts[row].filter(|_| on != Some(false))],
        });
    }
    if out.len() < 2 {
        return Err(unusable(table.path(), format!("{} rows make no log", out.len())));
    }
    Ok(out)
}
