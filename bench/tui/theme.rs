//! What colours and glyphs mean. Three palettes, and one place where a status becomes glyph + word + style, so that nothing on
//! the screen is said by colour alone. No widgets here.

use ratatui::style::{Color, Modifier, Style};
use signal::{RunState, Severity};
use std::str::FromStr;
use thiserror::Error;

/// A set of styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// For light text on a dark terminal.
    Dark,
    /// For dark text on a light terminal.
    Light,
    /// No colour at all: weight and reverse only.
    Mono,
}

/// A palette that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no theme \"{0}\": expected dark, light or mono")]
pub struct UnknownPalette(pub String);

impl FromStr for Palette {
    type Err = UnknownPalette;

    fn from_str(word: &str) -> Result<Self, UnknownPalette> {
        match word {
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            "mono" => Ok(Self::Mono),
            _ => Err(UnknownPalette(word.to_owned())),
        }
    }
}

impl Palette {
    /// The palette asked for; where none is, mono if `NO_COLOR` is set to anything (<https://no-color.org>), else dark.
    pub fn choose(asked: Option<Self>, no_color: Option<&str>) -> Self {
        let plain = no_color.is_some_and(|value| !value.is_empty());
        asked.unwrap_or(if plain { Self::Mono } else { Self::Dark })
    }
}

/// The styles of everything on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// What matters less: units, rules, hints.
    pub dim: Style,
    /// Titles and keys.
    pub strong: Style,
    /// All is well.
    pub good: Style,
    /// Not as it should be, but coped with.
    pub warning: Style,
    /// Someone should look.
    pub alarm: Style,
    /// A badge, such as SIMULATED.
    pub badge: Style,
    /// What was measured.
    pub measured: Style,
    /// What the rig was asked for.
    pub setpoint: Style,
    /// What the flight model says.
    pub flight: Style,
    /// What was predicted before the start.
    pub predicted: Style,
    /// Sunlight on the strip.
    pub sun: Style,
    /// Shadow on the strip.
    pub shade: Style,
}

impl Theme {
    /// The styles of `palette`. Colours are of the 256-colour cube, near the set of Okabe and Ito ("Color Universal Design",
    /// 2008), which people with any common colour vision tell apart.
    pub fn of(palette: Palette) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let inverse = bold.add_modifier(Modifier::REVERSED);
        let of = |colour: u8| plain.fg(Color::Indexed(colour));
        match palette {
            Palette::Dark => Self {
                text: plain,
                dim: of(246),
                strong: bold,
                good: of(43),
                warning: of(214).add_modifier(Modifier::BOLD),
                alarm: of(209).add_modifier(Modifier::BOLD),
                badge: of(214).add_modifier(Modifier::BOLD | Modifier::REVERSED),
                measured: of(255).add_modifier(Modifier::BOLD),
                setpoint: of(75),
                flight: of(43),
                predicted: of(176),
                sun: of(221),
                shade: of(67),
            },
            Palette::Light => Self {
                text: plain,
                dim: of(241),
                strong: bold,
                good: of(29),
                warning: of(130).add_modifier(Modifier::BOLD),
                alarm: of(160).add_modifier(Modifier::BOLD),
                badge: of(130).add_modifier(Modifier::BOLD | Modifier::REVERSED),
                measured: of(232).add_modifier(Modifier::BOLD),
                setpoint: of(25),
                flight: of(29),
                predicted: of(127),
                sun: of(172),
                shade: of(60),
            },
            Palette::Mono => Self {
                text: plain,
                dim: plain,
                strong: bold,
                good: plain,
                warning: bold,
                alarm: inverse,
                badge: inverse,
                measured: bold,
                setpoint: plain,
                flight: plain,
                predicted: plain,
                sun: plain,
                shade: plain,
            },
        }
    }

    /// Glyph, word and style of what a run is doing.
    pub const fn state(&self, state: RunState) -> (&'static str, &'static str, Style) {
        match state {
            RunState::Staging => ("◌", "STAGING", self.setpoint),
            RunState::Running => ("►", "RUNNING", self.good),
            RunState::Held => ("‖", "HELD", self.warning),
            RunState::Suspended => ("△", "SUSPENDED", self.warning),
            RunState::Stopping => ("↓", "STOPPING", self.warning),
            RunState::Safe => ("■", "SAFE", self.strong),
        }
    }

    /// Glyph, word and style of how much an event matters.
    pub const fn severity(&self, severity: Severity) -> (&'static str, &'static str, Style) {
        match severity {
            Severity::Info => ("·", "info", self.dim),
            Severity::Warning => ("△", "warning", self.warning),
            Severity::Alarm => ("▲", "ALARM", self.alarm),
            Severity::Trip => ("×", "TRIP", self.alarm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_color_is_honoured_unless_a_theme_is_asked_for() {
        assert_eq!(Palette::choose(None, None), Palette::Dark);
        assert_eq!(Palette::choose(None, Some("")), Palette::Dark);
        assert_eq!(Palette::choose(None, Some("1")), Palette::Mono);
        assert_eq!(Palette::choose(Some(Palette::Light), Some("1")), Palette::Light);
        assert_eq!("mono".parse(), Ok(Palette::Mono));
        assert!("pink".parse::<Palette>().unwrap_err().to_string().contains("dark, light or mono"));
    }

    #[test]
    fn every_status_is_told_apart_without_colour() {
        let theme = Theme::of(Palette::Mono);
        let states: BTreeSet<_> = RunState::ALL.iter().map(|s| theme.state(*s)).map(|s| (s.0, s.1)).collect();
        assert_eq!(states.len(), RunState::ALL.len());
        let severities: BTreeSet<_> = Severity::ALL.iter().map(|s| theme.severity(*s)).map(|s| (s.0, s.1)).collect();
        assert_eq!(severities.len(), Severity::ALL.len());
    }
}
