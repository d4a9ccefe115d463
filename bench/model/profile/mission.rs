//! `[mission]`: how old the satellite is, for everything that ages. May be left out: then it is new.

use signal::Section;

/// How old the satellite is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mission {
    /// Years since launch.
    pub age_years: f64,
    /// Years after which end-of-life figures hold.
    pub life_years: f64,
}

impl Mission {
    /// A property that runs straight from `begin` to `end` over the life, and stays there.
    pub fn aged(&self, begin: f64, end: f64) -> f64 {
        begin + (end - begin) * (self.age_years / self.life_years).min(1.0)
    }
}

pub(super) fn read(root: &Section<'_>) -> Mission {
    let section = root.optional_section("mission");
    if !section.exists() {
        return Mission { age_years: 0.0, life_years: 1.0 };
    }
    Mission { age_years: section.number("age_years", 0.0..=50.0), life_years: section.number("life_years", 0.1..=50.0) }
}
