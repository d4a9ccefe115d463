//! A sweep written down: a TOML file that says what `--vary` and its companions say. Read like every other file, all problems at once.
//!
//! ```
//! let file = study::sweepfile::read("s.toml", r#"
//! schema = 1
//! profile = "dawn-dusk-650"
//! design = "sobol"
//! samples = 64
//! [vary.area]
//! key = "radiator.area_m2"
//! over = "80..200"
//! "#)?;
//! assert_eq!(file.vary[0].to_string(), "radiator.area_m2=80..200");
//! # Ok::<(), signal::Problems>(())
//! ```

use crate::design::{Design, Scheme};
use crate::point::Bench;
use crate::vary::Vary;
use signal::{Document, Problems};

/// What a sweep file says. Profile and rig are names or paths yet.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFile {
    /// Profile.
    pub profile: String,
    /// Rig.
    pub rig: String,
    /// What is varied.
    pub vary: Vec<Vary>,
    /// Where to look.
    pub design: Design,
    /// What points are flown on.
    pub bench: Bench,
    /// Controller step, bench seconds.
    pub dt_s: f64,
}

/// Reads a sweep file; `file` is the name to blame problems on.
pub fn read(file: &str, text: &str) -> Result<SweepFile, Problems> {
    let document = Document::parse(file, text);
    let root = document.root();
    let schema = root.integer("schema", 1..=1_000);
    if schema != 1 {
        root.problem("schema", format_args!("{schema} is unknown here: expected 1"));
    }
    let profile = root.text("profile", "the name of a profile or the path of one");
    let rig = root.optional_text("rig", "the name of a rig or the path of one").unwrap_or_else(|| "twin".into());
    let scheme = root.choice_or("design", Scheme::all(), Scheme::Grid);
    let samples = root.integer_or("samples", 2..=1_000_000, i64::from(scheme.usual_samples())) as usize;
    let grid = root.optional_text("design", "a word").is_none_or(|word| word == Scheme::Grid.word());
    if grid && root.optional_number("samples", f64::MIN..=f64::MAX).is_some() {
        root.problem("samples", "a grid counts for itself; remove this, or choose another design");
    }
    let seed = root.integer_or("seed", 0..=i64::from(u32::MAX), 1) as u64;
    let bench = root.choice_or("bench", &[Bench::Flight, Bench::Rehearsal].map(|b| (b.word(), b)), Bench::Flight);
    let dt_s = root.number_or("dt_s", 0.01..=60.0, 1.0);
    let mut vary = Vec::new();
    for (_, section) in root.section("vary").named_sections() {
        let key = section.text("key", "a dotted key such as \"radiator.area_m2\", or \"rig:plant.loss_w_k\"");
        let over = section.text("over", "what it is varied over, such as \"80..200:7\" or \"6, 12, 18\"");
        if key.is_empty() || over.is_empty() {
            continue;
        }
        match format!("{key}={over}").parse() {
            Ok(one) => vary.push(one),
            Err(why) => section.problem("over", why),
        }
    }
    document.finish(SweepFile { profile, rig, vary, design: Design { scheme, samples, seed }, bench, dt_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_come_at_once() {
        let text = "schema = 2\nprofil = \"x\"\ndesign = \"sobel\"\nseed = 1.5\ndt_s = 0\n[vary.a]\nkey = \"radiator.area_m2\"\nover = \"9..1\"\n[vary.b]\nover = \"1..2\"\n";
        let found = read("s.toml", text).expect_err("nothing is right").to_string();
        for expected in [
            "s.toml:1:10: `schema`: 2 is unknown here",
            "unknown key `profil`",
            "missing `profile`",
            "\"sobel\" is not known: expected one of `grid`, `lhs`, `sobol`, `morris`",
            "1.5 is not a whole number",
            "`dt_s` = 0 is impossible here",
            "s.toml:8:8: `vary.a.over`: radiator.area_m2: the range 9..1 does not run upwards",
            "missing `key` in [vary.b]",
        ] {
            assert!(found.contains(expected), "no {expected:?} in\n{found}");
        }
        let grid = "schema = 1\nprofile = \"p\"\nsamples = 9\n[vary.a]\nkey = \"a\"\nover = \"1,2\"\n";
        assert!(read("s.toml", grid).expect_err("a grid").to_string().contains("a grid counts for itself"));
    }

    #[test]
    fn what_is_left_out_is_as_on_the_command_line() {
        let file =
            read("s.toml", "schema = 1\nprofile = \"p\"\n[vary.a]\nkey = \"rig:plant.loss_w_k\"\nover = \"0.2..0.4:3\"\n").expect("sound");
        assert_eq!((file.rig.as_str(), file.design.scheme, file.bench, file.dt_s), ("twin", Scheme::Grid, Bench::Flight, 1.0));
        assert_eq!(file.vary[0].name(), "rig:plant.loss_w_k");
    }
}
