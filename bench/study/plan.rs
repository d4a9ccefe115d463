//! A study that can be flown: a profile, a rig, what is varied, and the design. Checked as a whole before anything is run: keys that no
//! file has and values that no file takes are refused here, with the names that come nearest.
//!
//! A value may still be refused together with others. Such a point becomes a row that says why.

use crate::design::{Design, Points};
use crate::key::{Kind, Template};
use crate::point::{self, Bench, OUTPUTS, Outcome, Stopped};
use crate::vary::{Over, Target, Value, Vary};
use engine::setup::{Options, Setup, SetupError, Source, parse_rig};
use model::Profile;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// How the results of a sweep begin.
pub(crate) const IS_SWEEP: &str = "orbitbench sweep";
/// Layout of the results.
const SCHEMA: u32 = 1;
/// Combinations of the other keys' ends with which a value is tried before it is called impossible.
const MOST_CORNERS: usize = 64;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The profile that is varied.
    pub profile: Source,
    /// The rig that is varied.
    pub rig: Source,
    /// What, over what.
    pub vary: Vec<Vary>,
    /// Where in it to look.
    pub design: Design,
    /// What each point is flown on.
    pub bench: Bench,
    /// Controller step, bench seconds.
    pub dt_s: f64,
    /// The commit that flies it, since two builds of one version may fly it differently; with `+changes` behind it where it is not all of them.
    pub commit: String,
}

/// A checked study.
#[derive(Debug)]
pub struct Study {
    request: Request,
    profile: Template,
    rig: Template,
    points: Points,
    /// The weighing record that the rig file names, and what is in it.
    weighed: Option<String>,
}

/// The weighing record that a rig file names beside itself, with its hash: its masses overrule the rig file's, and are in no text of the study.
fn weighed(rig: &Source) -> Option<String> {
    let (parsed, _) = parse_rig(&rig.file, &rig.text).ok()?;
    let named = parsed.weighing.file?;
    let file = Path::new(&rig.from).parent().unwrap_or(Path::new("")).join(&named);
    // One that is not there is refused with the reason, by whoever reads the masses.
    let bytes = std::fs::read(file).ok()?;
    Some(format!("{} sha256 {}", Path::new(&named).display(), record::sha256(&bytes)))
}

impl Study {
    /// Checks everything; an error is everything that is wrong, a line each.
    pub fn check(mut request: Request) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        wrong.extend(refusal(Target::Profile, &request.profile.file, &request.profile.text));
        wrong.extend(refusal(Target::Rig, &request.rig.file, &request.rig.text));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut templates = [&request.profile, &request.rig].map(|s| Template::new(&s.text).expect("it was read before"));
        let names: Vec<String> = request.vary.iter().map(Vary::name).collect();
        for (n, vary) in request.vary.iter().enumerate() {
            let (file, template) = match vary.target {
                Target::Profile => (&request.profile.file, &mut templates[0]),
                Target::Rig => (&request.rig.file, &mut templates[1]),
            };
            if names[..n].contains(&names[n]) {
                wrong.push(format!("`{}` is varied twice", names[n]));
            } else if let Err(why) = place(vary, file, template) {
                wrong.push(why);
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let [profile, rig] = templates;
        // Which ranges hold whole numbers only is the readers' knowledge: a number between two good ones tells.
        for n in 0..request.vary.len() {
            let template = if request.vary[n].target == Target::Profile { &profile } else { &rig };
            let only_whole = whole(&request.vary[n], template);
            if let Over::Range { whole, .. } = &mut request.vary[n].over {
                *whole = only_whole;
            }
        }
        let points = match request.design.points(&request.vary) {
            Ok(points) => points,
            Err(why) => return Err(vec![why]),
        };
        let weighed = weighed(&request.rig);
        let study = Self { request, profile, rig, points, weighed };
        wrong = (0..study.request.vary.len()).filter_map(|n| study.impossible(n)).collect();
        // What no value changes, such as a rig of real hardware, would be the reason in every row.
        let base = study.options([study.profile.text().to_owned(), study.rig.text().to_owned()]);
        if let Err(why @ (SetupError::Options(_) | SetupError::Accelerator(_) | SetupError::Workload(_))) = Setup::beyond_rig(base) {
            wrong.push(format!("a sweep flies the rig's virtual card: {why}"));
        }
        if wrong.is_empty() { Ok(study) } else { Err(wrong) }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Value of each varied key at a point.
    pub fn values(&self, index: usize) -> Vec<Value> {
        let vary = &self.request.vary;
        match &self.points {
            Points::Grid(levels) => vary.iter().zip(Points::levels(levels, index)).map(|(v, n)| v.over.level(n)).collect(),
            Points::Cube(cube) => {
                let mut units = cube[index].iter();
                vary.iter()
                    .map(|v| if v.over.is_fixed() { v.over.level(0) } else { v.over.at(*units.next().expect("one a factor")) })
                    .collect()
            }
        }
    }

    /// Profile and rig with these values in their places.
    pub fn texts(&self, values: &[Value]) -> [String; 2] {
        let literals: Vec<String> = values.iter().map(Value::literal).collect();
        [(Target::Profile, &self.profile), (Target::Rig, &self.rig)].map(|(target, template)| {
            let pairs = self.request.vary.iter().zip(&literals).filter(|(v, _)| v.target == target);
            template.with(pairs.map(|(v, literal)| (v.path.as_str(), literal.as_str())))
        })
    }

    /// Flies a point; `Err` if told to stop meanwhile.
    pub(crate) fn fly(&self, index: usize, stop: &AtomicBool) -> Result<Outcome, Stopped> {
        point::fly(self.options(self.texts(&self.values(index))), self.request.bench, stop)
    }

    fn options(&self, [profile, rig]: [String; 2]) -> Options {
        let request = &self.request;
        Options {
            profile: Source { text: profile, ..request.profile.clone() },
            rig: Source { text: rig, ..request.rig.clone() },
            // A sweep belongs to the model: no device is asked anything.
            accelerator: Some("virtual".into()),
            workload: None,
            duration_s: None,
            dt_s: request.dt_s,
            speed: None,
            seed: 1,
            assume_w: None,
            unattended: false,
            policy: None,
            crossing: None,
        }
    }

    /// What the results say of themselves: everything that decides them, a line each, and the hash of it. Two studies with
    /// the same head have the same results.
    pub fn head(&self) -> Vec<String> {
        let request = &self.request;
        let mut lines = vec![format!(
            "{IS_SWEEP}, schema {SCHEMA}, version {}, commit {}; every figure is simulated",
            env!("CARGO_PKG_VERSION"),
            request.commit
        )];
        for (what, source) in [("profile", &request.profile), ("rig", &request.rig)] {
            // Where the file lies changes nothing.
            let name = Path::new(&source.file).file_name().map_or(source.file.as_str().into(), |n| n.to_string_lossy());
            lines.push(format!("{what}: {name} sha256 {}", record::sha256(source.text.as_bytes())));
        }
        lines.extend(self.weighed.iter().map(|weighed| format!("weighed: {weighed}")));
        lines.push(format!("bench: {}, dt {} s", request.bench.word(), crate::vary::cell(request.dt_s)));
        lines.push(format!("design: {}", request.design));
        lines.extend(request.vary.iter().map(|v| format!("vary: {v}")));
        lines.push(format!("points: {}", self.len()));
        lines.push(format!("sha256: {}", record::sha256(lines.join("\n").as_bytes())));
        lines
    }

    /// Columns of the results: the point, the varied keys, the outputs, and why there are none.
    pub fn columns(&self) -> Vec<String> {
        let varied = self.request.vary.iter().map(Vary::name);
        let outputs = OUTPUTS.iter().map(|(name, _)| (*name).to_owned());
        std::iter::once("point".to_owned()).chain(varied).chain(outputs).chain(["problem".to_owned()]).collect()
    }

    /// The row of a point.
    pub fn row(&self, index: usize, outcome: &Outcome) -> Vec<String> {
        let number = |v: &Option<f64>| v.map_or(String::new(), |v| crate::vary::cell(crate::vary::rounded(v)));
        let mut row = vec![index.to_string()];
        row.extend(self.values(index).iter().map(ToString::to_string));
        row.extend(outcome.values.iter().map(number));
        row.push(outcome.problem.clone().unwrap_or_default());
        row
    }

    /// Why the values of key `n` include an impossible one: refused whatever ends the other keys are at.
    fn impossible(&self, n: usize) -> Option<String> {
        let vary = &self.request.vary;
        let me = &vary[n];
        let (file, template) = self.file_of(me.target);
        let tried: Vec<Value> = match (&self.points, &me.over) {
            (Points::Grid(levels), over) => (0..levels[n]).map(|k| over.level(k)).collect(),
            (_, Over::List(values)) => values.clone(),
            (_, over) => over.ends().to_vec(),
        };
        let others: Vec<&Vary> = vary.iter().enumerate().filter(|(k, v)| *k != n && v.target == me.target).map(|(_, v)| v).collect();
        let corners = 1_usize.checked_shl(others.len() as u32).map_or(MOST_CORNERS, |c| c.min(MOST_CORNERS));
        for value in tried {
            let literal = value.literal();
            let alone = refusal(me.target, file, &template.with([(me.path.as_str(), literal.as_str())]));
            let Some(why) = alone else { continue };
            let somewhere = (0..corners).any(|corner| {
                let ends: Vec<String> = others.iter().enumerate().map(|(k, v)| v.over.ends()[corner >> k & 1].literal()).collect();
                let rest = others.iter().zip(&ends).map(|(v, literal)| (v.path.as_str(), literal.as_str()));
                refusal(me.target, file, &template.with(rest.chain([(me.path.as_str(), literal.as_str())]))).is_none()
            });
            if !somewhere {
                return Some(format!("{me}: {value} will not do: {why}"));
            }
        }
        None
    }

    fn file_of(&self, target: Target) -> (&str, &Template) {
        match target {
            Target::Profile => (&self.request.profile.file, &self.profile),
            Target::Rig => (&self.request.rig.file, &self.rig),
        }
    }
}

/// Why a text is refused, in one line.
fn refusal(target: Target, file: &str, text: &str) -> Option<String> {
    let problems = match target {
        Target::Profile => Profile::parse(file, text).err(),
        Target::Rig => parse_rig(file, text).err(),
    }?;
    Some(problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Checks that `vary` has a place in the file, and makes one for a key that the file knows and does not write.
fn place(vary: &Vary, file: &str, template: &mut Template) -> Result<(), String> {
    let first = &vary.over.ends()[0];
    let Some(leaf) = template.leaf(&vary.path) else {
        if template.is_table(&vary.path) {
            let under = format!("{}.", vary.path);
            let keys: Vec<&str> = template.leaves().iter().filter_map(|l| l.path.strip_prefix(&under)).collect();
            return Err(format!("`{}` is a table of {file}: vary one of its keys: {}", vary.name(), keys.join(", ")));
        }
        let nearest = template.nearest(&vary.path);
        let hint = if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) };
        let Some(wider) = template.adding(&vary.path, &first.literal()) else {
            return Err(format!("{file} has no key `{}` and no place for it{hint}", vary.path));
        };
        if let Some(why) = refusal(vary.target, file, wider.text()) {
            // The line is one of a text nobody has seen.
            let why: Vec<&str> = why.lines().map(|line| line.splitn(4, ':').last().unwrap_or(line).trim()).collect();
            return Err(format!("{file} has no key `{}`: {}{hint}", vary.path, why.join("; ")));
        }
        *template = wider;
        return Ok(());
    };
    match (leaf.kind, first.kind()) {
        (Kind::List, _) => Err(format!("`{}` is a list in {file}: lists cannot be varied", vary.name())),
        // An instant may be written as a string.
        (Kind::Word, Kind::Instant) => Ok(()),
        (is, given) if is == given => Ok(()),
        (is, given) => Err(format!("`{}` is {} in {file}, and {first} is {}", vary.name(), is.word(), given.word())),
    }
}

/// True if only whole numbers are accepted within a range.
fn whole(vary: &Vary, template: &Template) -> bool {
    let Over::Range { from, to, .. } = vary.over else { return false };
    let below = f64::midpoint(from, to).floor().max(from.ceil());
    let good =
        |value: f64| refusal(vary.target, "", &template.with([(vary.path.as_str(), Value::Number(value).literal().as_str())])).is_none();
    from.fract() == 0.0 && to.fract() == 0.0 && below < to && good(below) && good(below + 1.0) && !good(below + 0.5)
}

#[cfg(test)]
mod tests;
