//! A sheet of results read back: what was varied, what came out, and what it depends on. The sheet says all of it; neither profile
//! nor rig is needed.

use crate::design::{Design, Scheme};
use crate::morris::{self, Effect};
use crate::sobol::{self, Index};
use crate::vary::Vary;
use record::{Error, Sheet};
use std::path::{Path, PathBuf};

/// Results of a sweep.
#[derive(Clone, Debug)]
pub struct Results {
    path: PathBuf,
    design: Design,
    vary: Vec<Vary>,
    /// By point; those that are not there yet are empty.
    rows: Vec<Vec<String>>,
    columns: Vec<String>,
    head: Vec<String>,
    /// Points that are there.
    done: usize,
}

/// What an output depends on.
#[derive(Clone, Debug, PartialEq)]
pub enum Sensitivity {
    /// By Sobol' indices, from so many whole base samples.
    Sobol(Vec<Index>, usize),
    /// By Morris' effects.
    Morris(Vec<Option<Effect>>),
    /// It is the same everywhere, or missing.
    Unmoved,
}

impl Results {
    /// Reads the sheet at `path`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let sheet = Sheet::read(path)?;
        let unusable = |why: &str| Error::Unusable { path: path.to_owned(), why: why.to_owned() };
        let said = |name: &str| sheet.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if !sheet.head.first().is_some_and(|line| line.starts_with(crate::plan::IS_SWEEP)) {
            return Err(unusable("it is no sweep's results: its first line is not \"# orbitbench sweep ...\""));
        }
        let design: Design = said("design").ok_or_else(|| unusable("its head has no design"))?.parse().map_err(|e: String| unusable(&e))?;
        let vary = sheet
            .head
            .iter()
            .filter_map(|line| line.strip_prefix("vary: "))
            .map(str::parse)
            .collect::<Result<Vec<Vary>, String>>()
            .map_err(|why| unusable(&why))?;
        let points: usize =
            said("points").and_then(|n| n.parse().ok()).ok_or_else(|| unusable("its head does not say how many points it has"))?;
        let expected = design.points(&vary).map_err(|why| unusable(&why))?.len();
        if points != expected {
            return Err(unusable(&format!("its head speaks of {points} points, and its design has {expected}")));
        }
        let at = sheet.column(path, "point")?;
        let mut rows = vec![Vec::new(); points];
        for row in sheet.rows {
            let Some(place) = row[at].parse::<usize>().ok().and_then(|n| rows.get_mut(n)) else {
                return Err(unusable(&format!("it has a row of point \"{}\", which its design has not", row[at])));
            };
            *place = row;
        }
        let done = rows.iter().filter(|r| !r.is_empty()).count();
        Ok(Self { path: path.to_owned(), design, vary, rows, columns: sheet.columns, head: sheet.head, done })
    }

    /// The design.
    pub fn design(&self) -> Design {
        self.design
    }

    /// What was varied, fixed keys included.
    pub fn vary(&self) -> &[Vary] {
        &self.vary
    }

    /// The parameters that really vary.
    pub fn factors(&self) -> Vec<&Vary> {
        self.vary.iter().filter(|v| !v.over.is_fixed()).collect()
    }

    /// Points of the design, and those that are there.
    pub fn counts(&self) -> (usize, usize) {
        (self.rows.len(), self.done)
    }

    /// Lines at the head of the sheet.
    pub fn head(&self) -> &[String] {
        &self.head
    }

    /// Names of all columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        let first = 1 + self.vary.len();
        self.columns.get(first..self.columns.len() - 1).unwrap_or_default()
    }

    /// A column by point; `None` for a point that is not there.
    pub fn cells(&self, name: &str) -> Result<Vec<Option<&str>>, Error> {
        let at = self.columns.iter().position(|c| c == name).ok_or_else(|| Error::NoColumn {
            path: self.path.clone(),
            column: name.to_owned(),
            found: self.columns.join(", "),
        })?;
        Ok(self.rows.iter().map(|row| row.get(at).map(String::as_str)).collect())
    }

    /// A column of numbers by point; missing and empty cells are `None`.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, Error> {
        let cells = self.cells(name)?;
        let number = |(point, cell): (usize, Option<&str>)| match cell.filter(|c| !c.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse::<f64>() {
                Ok(v) if v.is_finite() => Ok(Some(v)),
                _ => Err(Error::Unusable { path: self.path.clone(), why: format!("`{name}` of point {point} is \"{text}\", no number") }),
            },
        };
        cells.into_iter().enumerate().map(number).collect()
    }

    /// Why points have no figures: each reason with how many have it, the most frequent first.
    pub fn problems(&self) -> Vec<(String, usize)> {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for problem in self.cells("problem").into_iter().flatten().flatten().filter(|p| !p.is_empty()) {
            *counts.entry(problem.to_owned()).or_default() += 1;
        }
        let mut problems: Vec<(String, usize)> = counts.into_iter().collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.1));
        problems
    }

    /// What `output` depends on; `None` for designs that do not tell.
    pub fn sensitivity(&self, output: &str) -> Result<Option<Sensitivity>, Error> {
        let factors = self.factors().len();
        let values = self.numbers(output)?;
        Ok(match self.design.scheme {
            Scheme::Grid | Scheme::Lhs => None,
            Scheme::Sobol => Some(
                sobol::indices(&values, factors)
                    .map_or(Sensitivity::Unmoved, |indices| Sensitivity::Sobol(indices, sobol::samples_used(&values, factors))),
            ),
            Scheme::Morris => {
                let cube = self.design.cube(factors);
                Some(morris::effects(&cube, &values, factors).map_or(Sensitivity::Unmoved, Sensitivity::Morris))
            }
        })
    }
}
