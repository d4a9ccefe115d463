//! One point as it was measured, and the one table of its columns: header, rows, reader and documentation all come from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// Its word in files.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What a file says.
            fn of_word(word: &str) -> Option<Self> {
                [$(Self::$variant,)+].into_iter().find(|v| v.word() == word)
            }
        }
    };
}

words! {
    /// What a point is for.
    Kind {
        /// A place of the map.
        Cell = "cell",
        /// The reference that comes back.
        Reference = "reference",
    }
}

words! {
    /// How it went.
    Status {
        /// Measured at what was asked.
        Measured = "measured",
        /// A limit was in the way: the figures, if any, are those of the largest power that was.
        NotReachable = "not_reachable",
    }
}

words! {
    /// Where energy came from.
    Energy {
        /// The board's counter, from one of its ticks to another.
        Counter = "counter",
        /// Power readings, integrated: there is no counter, or it stands still.
        Integral = "integral",
    }
}

macro_rules! figures {
    ($($(#[doc = $meaning:literal])+ $variant:ident $name:literal $unit:literal $decimals:literal;)+) => {
        /// A figure of a point.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Figure { $($(#[doc = $meaning])+ $variant,)+ }

        impl Figure {
            /// Every figure, in the order of columns.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Name of its column, with the unit as suffix.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its unit.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit,)+ }
            }

            /// Decimals in files.
            const fn decimals(self) -> usize {
                match self { $(Self::$variant => $decimals,)+ }
            }

            /// What it is.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+),)+ }
            }
        }
    };
}

figures! {
    /// Share of time the work was allowed, or under a power cap that cap between idle and full: what was really done.
    Level "level_frac" "1" 4;
    /// Time until it stood still, bench time.
    Settle "settle_s" "s" 1;
    /// Length of the window, from one tick of the energy counter to another, bench time.
    Window "window_s" "s" 3;
    /// Energy of the board over the window.
    EnergyJ "energy_j" "J" 3;
    /// Mean board power over the window: of a point that is not reachable, the largest power that was.
    Power "power_w" "W" 3;
    /// The same by integrating power readings.
    PowerIntegral "power_integral_w" "W" 3;
    /// Power by the counter over power by the integral, less one.
    CounterGap "counter_gap_frac" "1" 5;
    /// Units put out over the window.
    UnitsOut "units_out_count" "count" 3;
    /// Units taken in over the window; missing where nobody counts them.
    UnitsIn "units_in_count" "count" 3;
    /// Units put out a second.
    Rate "units_out_per_s" "1/s" 4;
    /// Units taken in a second.
    RateIn "units_in_per_s" "1/s" 4;
    /// Units put out per joule of the board: the map's figure.
    PerJoule "units_out_per_j" "1/J" 6;
    /// Units taken in per joule of the board.
    PerJouleIn "units_in_per_j" "1/J" 6;
    /// Plate under the device, mean: what stands for the coolant where the rig holds the plate.
    Plate "plate_degc" "degC" 3;
    /// Coolant entering the plate, mean, where that is what the rig holds, and so what the map is over.
    Supply "supply_degc" "degC" 3;
    /// Its drift over the window.
    PlateDrift "plate_drift_k_min" "K/min" 4;
    /// Die, mean.
    Die "die_degc" "degC" 3;
    /// Least distance of anything to where it would slow down or trip.
    Margin "margin_k" "K" 2;
    /// Heat sink of the rig, mean.
    Sink "sink_degc" "degC" 3;
    /// Current of the TEC controller, mean.
    Current "tec_a" "A" 3;
    /// Core clock, mean.
    Clock "core_mhz" "MHz" 1;
}

/// The figures of a point that there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(BTreeMap<Figure, f64>);

impl Figures {
    /// A figure; `None` where there is none.
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).copied()
    }

    /// The temperature that was held, °C: the coolant's supply where the rig holds that, else the plate.
    pub fn held_degc(&self) -> Option<f64> {
        self.get(Figure::Supply).or_else(|| self.get(Figure::Plate))
    }

    /// Sets one; what is missing or no number stays missing.
    pub fn set(&mut self, figure: Figure, value: Option<f64>) {
        match value.filter(|v| v.is_finite()) {
            Some(value) => {
                self.0.insert(figure, value);
            }
            None => {
                self.0.remove(&figure);
            }
        }
    }
}

/// A point as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Place in the order.
    pub index: usize,
    /// Which sitting measured it, from 0.
    pub segment: u32,
    /// When it ended, RFC 3339; empty on virtual time.
    pub utc: String,
    /// What it is for.
    pub kind: Kind,
    /// Batch size.
    pub batch: Option<u32>,
    /// Temperature asked for, °C.
    pub coolant_degc: Option<f64>,
    /// Budget asked for, W.
    pub budget_w: f64,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// How it went.
    pub status: Status,
    /// Where energy came from; `None` if nothing was measured.
    pub energy: Option<Energy>,
    /// What was measured.
    pub figures: Figures,
    /// Why it is not reachable, or what is to be said of it.
    pub why: String,
}

/// Columns before the figures: name, unit, meaning.
const LEAD: [(&str, &str, &str); 10] = [
    ("index", "count", "Place in the order of measuring, from 0."),
    ("segment", "count", "Which sitting measured it, from 0."),
    ("utc", "RFC 3339", "When it ended; empty on virtual time."),
    ("kind", "word", "`cell`, or `reference`: the point that comes back through the session and shows its drift."),
    ("batch", "count", "Batch size; empty where the work has none to choose."),
    (
        "coolant_degc",
        "degC",
        "Temperature of plate, or of the coolant's supply where the rig holds that, asked for; empty where the device is on no plate of ours.",
    ),
    ("budget_w", "W", "Power budget asked for."),
    ("repeat", "count", "Which repeat, from 1; of the reference, which visit."),
    (
        "status",
        "word",
        "`measured`, or `not_reachable`: a limit was in the way, and the figures, if any, are those of the largest power that was.",
    ),
    (
        "energy_by",
        "word",
        "`counter`: between two ticks of the board's counter; `integral`: power readings, because there is no counter or it stands still.",
    ),
];
const LAST: (&str, &str, &str) = ("why", "words", "What was in the way.");

impl Point {
    /// Names of the columns, in order.
    pub fn columns() -> Vec<String> {
        let figures = Figure::ALL.iter().map(|f| f.name());
        LEAD.iter().map(|c| c.0).chain(figures).chain([LAST.0]).map(str::to_owned).collect()
    }

    /// The point as fields of those columns.
    pub fn fields(&self) -> Vec<String> {
        let mut fields = vec![
            self.index.to_string(),
            self.segment.to_string(),
            self.utc.clone(),
            self.kind.word().to_owned(),
            self.batch.map_or_else(String::new, |b| b.to_string()),
            self.coolant_degc.map_or_else(String::new, |t| t.to_string()),
            self.budget_w.to_string(),
            self.repeat.to_string(),
            self.status.word().to_owned(),
            self.energy.map_or_else(String::new, |e| e.word().to_owned()),
        ];
        let number = |f: &Figure| self.figures.get(*f).map_or_else(String::new, |v| format!("{v:.*}", f.decimals()));
        fields.extend(Figure::ALL.iter().map(number));
        fields.push(self.why.clone());
        fields
    }

    /// Reads a row; what is wrong with it, with the name of the column.
    pub fn of_fields(fields: &[String]) -> Result<Self, String> {
        if fields.len() != LEAD.len() + Figure::ALL.len() + 1 {
            return Err(format!("it has {} fields: expected {}", fields.len(), LEAD.len() + Figure::ALL.len() + 1));
        }
        let wrong = |at: usize, expected: &str| format!("`{}` is \"{}\": expected {expected}", LEAD[at].0, fields[at]);
        let whole = |at: usize| fields[at].parse::<u32>().map_err(|_| wrong(at, "a whole number"));
        let number = |at: usize| fields[at].parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| wrong(at, "a number"));
        let some = |at: usize| !fields[at].is_empty();
        let mut figures = Figures::default();
        for (figure, text) in Figure::ALL.iter().zip(&fields[LEAD.len()..]).filter(|(_, text)| !text.is_empty()) {
            let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
            figures.set(*figure, Some(value.ok_or_else(|| format!("`{}` is \"{text}\": expected a number or nothing", figure.name()))?));
        }
        Ok(Self {
            index: whole(0)? as usize,
            segment: whole(1)?,
            utc: fields[2].clone(),
            kind: Kind::of_word(&fields[3]).ok_or_else(|| wrong(3, "cell or reference"))?,
            batch: some(4).then(|| whole(4)).transpose()?,
            coolant_degc: some(5).then(|| number(5)).transpose()?,
            budget_w: number(6)?,
            repeat: whole(7)?,
            status: Status::of_word(&fields[8]).ok_or_else(|| wrong(8, "measured or not_reachable"))?,
            energy: some(9).then(|| Energy::of_word(&fields[9]).ok_or_else(|| wrong(9, "counter or integral"))).transpose()?,
            figures,
            why: fields[fields.len() - 1].clone(),
        })
    }

    /// What of a row contradicts the rest of it, if anything does: figures that are made of others in the same row, to the digits of a file.
    pub fn contradiction(&self) -> Option<String> {
        use Figure as F;
        let get = |figure: Figure| self.figures.get(figure);
        let digits = |figure: Figure| 0.5001 * 10.0_f64.powi(-i32::try_from(figure.decimals()).unwrap_or(0));
        // `made` should be `of` over `by`; each of them is rounded.
        let quotient = |made: Figure, of: Figure, by: Figure| {
            let (made_is, of_is, by_is) = (get(made)?, get(of)?, get(by).filter(|by| *by > 0.0)?);
            let expected = of_is / by_is;
            let off = digits(made) + (digits(of) + expected.abs() * digits(by)) / by_is + 1e-9 * expected.abs();
            ((made_is - expected).abs() > off).then(|| {
                format!("`{}` is {made_is}, but `{}` {of_is} over `{}` {by_is} is {expected:.6}", made.name(), of.name(), by.name())
            })
        };
        // Work is counted between looks of its own, nearly the window's.
        let about = |rate: Figure, of: Figure| {
            let (rate_is, of_is, window) = (get(rate)?, get(of)?, get(F::Window).filter(|s| *s > 0.0)?);
            let off = rate_is * (0.25 * window + 5.0) + digits(of) + digits(rate) * window;
            ((rate_is * window - of_is).abs() > off)
                .then(|| format!("`{}` is {rate_is}, but `{}` {of_is} came in `{}` {window}", rate.name(), of.name(), F::Window.name()))
        };
        let negative = [F::EnergyJ, F::Power, F::Window, F::UnitsOut, F::UnitsIn, F::Rate, F::RateIn].into_iter().find_map(|figure| {
            let value = get(figure).filter(|v| *v < 0.0)?;
            Some(format!("`{}` is {value}", figure.name()))
        });
        negative
            .or_else(|| quotient(F::Power, F::EnergyJ, F::Window))
            .or_else(|| quotient(F::PerJoule, F::UnitsOut, F::EnergyJ))
            .or_else(|| quotient(F::PerJouleIn, F::UnitsIn, F::EnergyJ))
            .or_else(|| about(F::Rate, F::UnitsOut))
            .or_else(|| about(F::RateIn, F::UnitsIn))
    }

    /// The columns as a Markdown table.
    pub fn markdown() -> String {
        let mut page = "| column | unit | meaning |\n| --- | --- | --- |\n".to_owned();
        let figures = Figure::ALL.iter().map(|f| (f.name(), f.unit(), f.meaning()));
        for (name, unit, meaning) in LEAD.iter().copied().chain(figures).chain([LAST]) {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "| `{name}` | {unit} | {} |", meaning.trim());
        }
        page
    }
}

#[cfg(test)]
mod tests;
