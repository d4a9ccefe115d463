//! A map's folder: `map.toml`, `points.csv` (a row a point, on the disk before the next one begins), `events.csv`, and at the end `table.csv`,
//! `summary.json` and the seal. A sitting that was killed is gone on with where its file ends.

use super::manifest::{Kept, Manifest, SCHEMA, Span};
use super::order::Survey;
use crate::manifest::Program;
use record::{EVENTS, Events, Folder, MAP, POINTS, SUMMARY, SUMS, Sheet, SheetWriter, TABLE};
use serde_json::{Value, json};
use std::path::Path;
use survey::{Cell, Figure, Planned, Point, Table};
use thiserror::Error;

/// First words of the points file.
const HEAD: &str = "orbitbench work map, points, schema 1";
const TABLE_HEAD: &str = "orbitbench work map, schema 1";

/// Why a map cannot be kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file cannot be written or read.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// It cannot be gone on with.
    #[error("{folder} cannot be gone on with: {why}")]
    Other {
        /// The folder.
        folder: String,
        /// Why.
        why: String,
    },
}

impl StoreError {
    /// The disk would not take it.
    pub const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Record(why) if why.is_of_the_disk())
    }
}

/// The files of a map under way.
pub struct Store {
    folder: Folder,
    manifest: Manifest,
    points: SheetWriter,
    events: Events,
    done: Vec<Point>,
    planned: Vec<Planned>,
}

impl Store {
    /// A new folder under `root`.
    pub fn create(survey: &Survey, root: &Path, program: Program) -> Result<Self, StoreError> {
        let folder = Folder::create(root, jiff::Timestamp::now(), "workmap", &survey.station.rig.name)?;
        let manifest = Manifest::new(survey, folder.name(), program);
        let head = vec![format!("{HEAD}{}", if manifest.simulated { "; simulated" } else { "" })];
        Sheet { head, columns: Point::columns(), ..Sheet::default() }.replace(&folder.file(POINTS))?;
        let events = Events::create(&folder.file(EVENTS))?;
        // Last: a folder with a manifest is a map.
        write(&folder, &manifest)?;
        Self::open(survey, folder, manifest, events)
    }

    /// Goes on with a map that was begun as `survey` says.
    pub fn resume(survey: &Survey, path: &Path) -> Result<Self, StoreError> {
        let folder = Folder::open_map(path)?;
        let other = |why: String| StoreError::Other { folder: path.display().to_string(), why };
        if folder.file(SUMS).exists() {
            return Err(other("it is finished and sealed: measure a new one".into()));
        }
        let manifest = read(&folder)?;
        let now = Manifest::new(survey, folder.name(), manifest.program.clone());
        if let Some(why) = manifest.differs(&now) {
            return Err(other(why));
        }
        record::mend(&folder.file(EVENTS))?;
        let events = Events::append(&folder.file(EVENTS))?;
        Self::open(survey, folder, manifest, events)
    }

    fn open(survey: &Survey, folder: Folder, manifest: Manifest, events: Events) -> Result<Self, StoreError> {
        let (points, sheet) = SheetWriter::open(&folder.file(POINTS))?;
        let done = points_of(&folder, &sheet)?;
        let planned = survey.design.order();
        let other = |why: String| StoreError::Other { folder: folder.path().display().to_string(), why };
        for point in &done {
            let fits = planned.get(point.index).is_some_and(|p| {
                (p.batch, p.coolant_degc, p.budget_w, p.repeat) == (point.batch, point.coolant_degc, point.budget_w, point.repeat)
            });
            if !fits {
                return Err(other(format!("its point {} is none of this plan", point.index)));
            }
        }
        // A kill between a row and its digest leaves one row more than that tells of, never less.
        if manifest.kept.is_none() && sheet.rows.len() > 1 {
            return Err(other(format!(
                "{MAP} has no digest of its points, and nobody can tell whether they were changed since: measure a new map"
            )));
        }
        let kept = manifest.kept.clone().unwrap_or_default();
        let told = sheet.rows.iter().take(kept.rows).fold(Kept::default(), |chain, row| chain.and(row));
        if told != kept || sheet.rows.len() > kept.rows + 1 {
            return Err(other(format!(
                "{POINTS} was changed since it was measured: it is not the {} rows that {MAP} has the digest of; bring the files back from a copy, or measure a new map",
                kept.rows
            )));
        }
        let manifest = Manifest { kept: Some(sheet.rows[kept.rows..].iter().fold(kept, |chain, row| chain.and(row))), ..manifest };
        Ok(Self { folder, manifest, points, events, done, planned })
    }

    /// Somebody else's work is on the device; said once each.
    pub fn beside(&mut self, who: String) {
        if !self.manifest.beside.contains(&who) {
            self.manifest.beside.push(who);
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What `map.toml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Points that are there.
    pub fn done(&self) -> &[Point] {
        &self.done
    }

    /// All points, in order.
    pub fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// Begins a sitting; returns its number.
    pub fn begin(&mut self) -> Result<u32, StoreError> {
        let number = self.manifest.segments.len() as u32;
        self.manifest.segments.push(Span { number, started: jiff::Timestamp::now().to_string(), ended: None });
        write(&self.folder, &self.manifest)?;
        Ok(number)
    }

    /// Keeps a point: when this returns it is on the disk.
    pub(super) fn point(&mut self, mut point: Point) -> Result<(), StoreError> {
        point.utc = jiff::Timestamp::now().to_string();
        let fields = point.fields();
        self.points.add(&fields)?;
        self.points.sync()?;
        self.manifest.kept = Some(self.manifest.kept.take().unwrap_or_default().and(&fields));
        write(&self.folder, &self.manifest)?;
        // What is known from here on is what the file says, to its digits: a later sitting starts from the same.
        self.done.push(Point::of_fields(&fields).unwrap_or(point));
        Ok(())
    }

    pub(super) fn event(&mut self, event: &record::Event) -> Result<(), StoreError> {
        Ok(self.events.write(event)?)
    }

    /// What an instrument says it is; false if another one was there before.
    pub(super) fn identity(&mut self, who: &str, what: &str) -> bool {
        let before = self.manifest.identities.insert(who.to_owned(), what.to_owned());
        before.is_none_or(|b| b == what)
    }

    /// What the work says it is.
    pub(crate) fn work(&mut self, description: &str, unit: Option<&str>) {
        if !description.is_empty() {
            description.clone_into(&mut self.manifest.workload.description);
        }
        if let Some(unit) = unit {
            unit.clone_into(&mut self.manifest.workload.unit);
        }
    }

    /// Ends a sitting; seals the map if every point is there. True if it was sealed.
    pub fn end(&mut self, how: &str) -> Result<bool, StoreError> {
        if let Some(span) = self.manifest.segments.last_mut() {
            span.ended = Some(how.to_owned());
        }
        self.events.sync()?;
        write(&self.folder, &self.manifest)?;
        if self.done.len() < self.planned.len() {
            return Ok(false);
        }
        let tables = Table::of(&self.done);
        table_sheet(&self.manifest, &tables).replace(&self.folder.file(TABLE))?;
        let summary = serde_json::to_string_pretty(&summary(&self.manifest, &tables)).unwrap_or_default();
        self.folder.replace(SUMMARY, format!("{summary}\n").as_bytes())?;
        record::seal(&self.folder)?;
        Ok(true)
    }
}

fn write(folder: &Folder, manifest: &Manifest) -> Result<(), StoreError> {
    // Only maps with keys that are no strings could be refused, and there are none.
    let text = toml::to_string(manifest).unwrap_or_else(|why| panic!("the manifest must serialise: {why}"));
    Ok(folder.replace(MAP, text.as_bytes())?)
}

/// Reads `map.toml`.
pub(super) fn read(folder: &Folder) -> Result<Manifest, StoreError> {
    let other = |why: String| StoreError::Other { folder: folder.path().display().to_string(), why };
    let manifest: Manifest =
        toml::from_str(&folder.text(MAP)?).map_err(|why| other(format!("{MAP} is not what this program writes: {}", why.message())))?;
    if manifest.schema != SCHEMA {
        return Err(other(format!("the layout {} of {MAP} is not known, this version reads {SCHEMA}", manifest.schema)));
    }
    Ok(manifest)
}

/// The points of a sheet.
pub(super) fn points_of(folder: &Folder, sheet: &Sheet) -> Result<Vec<Point>, StoreError> {
    let path = folder.file(POINTS);
    let other = |why: String| StoreError::Other { folder: path.display().to_string(), why };
    if !sheet.head.first().is_some_and(|line| line.starts_with(HEAD)) || sheet.columns != Point::columns() {
        return Err(other("it is not what this version writes".into()));
    }
    let mut points: Vec<Point> = Vec::new();
    for (n, row) in sheet.rows.iter().enumerate() {
        let line = sheet.head.len() + 2 + n;
        let point = Point::of_fields(row).map_err(|why| other(format!("line {line}: {why}")))?;
        if let Some(why) = point.contradiction() {
            let hint = "it was changed or damaged; bring the file back from a copy, or measure a new map";
            return Err(other(format!("line {line} contradicts itself: {why}; {hint}")));
        }
        if points.iter().any(|p| p.index == point.index) {
            return Err(other(format!("line {line}: point {} is there twice", point.index)));
        }
        points.push(point);
    }
    points.sort_by_key(|p| p.index);
    Ok(points)
}

/// Figures of a place in `table.csv`, each with the half width of its interval.
const MEANS: [Figure; 8] =
    [Figure::PerJoule, Figure::PerJouleIn, Figure::Rate, Figure::RateIn, Figure::Power, Figure::Plate, Figure::Supply, Figure::Die];

/// The columns of `table.csv`: name, unit, meaning.
pub fn table_columns() -> Vec<(String, &'static str, String)> {
    let mut columns: Vec<(String, &'static str, String)> = [
        ("batch", "count", "Batch size; empty where the work has none to choose."),
        ("coolant_degc", "degC", "Temperature of plate, or of the coolant's supply where the rig holds that, asked for; empty where the device is on no plate of ours."),
        ("budget_w", "W", "Power budget asked for."),
        ("status", "word", "`measured`, `not_reachable`, or `open` where it was not tried."),
        ("n", "count", "Repeats that were measured."),
    ]
    .map(|(name, unit, meaning)| (name.to_owned(), unit, meaning.to_owned()))
    .to_vec();
    for figure in MEANS {
        columns.push((figure.name().to_owned(), figure.unit(), format!("Mean. {}", figure.meaning().trim())));
        columns.push((
            format!("{}_half95", figure.name()),
            figure.unit(),
            "Half the width of its 95 % interval; empty of a single repeat.".to_owned(),
        ));
    }
    columns.push((
        "largest_w".to_owned(),
        "W",
        "Of a place that is not reachable: the largest power that was, to a tenth of the range; empty if none was.".to_owned(),
    ));
    columns.push(("why".to_owned(), "words", "What was in the way.".to_owned()));
    columns
}

fn row(table: &Table, cell: &Cell) -> Vec<String> {
    let number = |v: Option<f64>| v.map_or_else(String::new, |v| format!("{v:.6}"));
    let status = match () {
        () if !cell.measured.is_empty() => "measured",
        () if cell.not_reachable() => "not_reachable",
        () => "open",
    };
    let mut row = vec![
        table.batch.map_or_else(String::new, |b| b.to_string()),
        cell.coolant_degc.map_or_else(String::new, |t| t.to_string()),
        cell.budget_w.to_string(),
        status.to_owned(),
        cell.measured.len().to_string(),
    ];
    for figure in MEANS {
        let estimate = cell.estimate(figure);
        row.push(number(estimate.map(|e| e.mean)));
        row.push(number(estimate.and_then(|e| e.half_width)));
    }
    row.push(number(cell.largest_w().filter(|_| cell.not_reachable())));
    row.push(cell.why().unwrap_or_default().to_owned());
    row
}

/// `table.csv` of these tables.
pub(super) fn table_sheet(manifest: &Manifest, tables: &[Table]) -> Sheet {
    let simulated = if manifest.simulated { "; simulated" } else { "" };
    let head = vec![format!("{TABLE_HEAD}{simulated}"), manifest.method.clone(), manifest.board.clone()];
    let rows = tables.iter().flat_map(|t| t.all().map(|c| row(t, c))).collect();
    Sheet { head, columns: table_columns().into_iter().map(|c| c.0).collect(), rows, torn: 0 }
}

/// `summary.json`.
pub(super) fn summary(manifest: &Manifest, tables: &[Table]) -> Value {
    let of = |table: &Table| {
        let best = table.all().filter_map(|c| Some((c, c.estimate(Figure::PerJoule)?))).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        json!({
            "batch": table.batch,
            "places": table.all().count(),
            "not_reachable": table.all().filter(|c| c.not_reachable()).count(),
            "drift": table.drift.map(|d| json!({"relative": d.relative, "half95": d.half_width, "n": d.n})),
            "counter_gap": table.counter_gap.map(|g| json!({"relative": g.mean, "half95": g.half_width, "n": g.n})),
            "best": best.map(|(c, e)| json!({"coolant_degc": c.coolant_degc, "budget_w": c.budget_w, "units_out_per_j": e.mean, "half95": e.half_width, "n": e.n})),
            "doubts": table.doubts(),
        })
    };
    json!({
        "map": manifest.name,
        "simulated": manifest.simulated,
        "unit": manifest.workload.unit,
        "actuator": manifest.plan.actuator,
        "method": manifest.method,
        "board": manifest.board,
        "beside": manifest.beside,
        "tables": tables.iter().map(of).collect::<Vec<_>>(),
    })
}
