//! Die-to-plate resistance over three or more remounts. A mount is the largest unknown between a card and its cooling, and the one
//! that changes: its mean and spread are what runs are held to.

use super::wet::mean_sd;
use super::{WINDOW_S, near_room};
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::{Answer, Question};
use crate::commission::record::{Mount, Point, Resistance};
use crate::commission::settle::{Now, Rule, Settle, Settled};
use crate::commission::station::Facts;

/// Least number of mounts, and most.
const MOUNTS: usize = 3;
const MOST: usize = 20;
/// A spread beyond this part of the mean is a mounting that cannot be repeated.
const SPREAD_FRAC: f64 = 0.15;

#[derive(Default)]
pub(super) struct Remounts {
    mounted: bool,
    id: Option<String>,
    torque_nm: Option<f64>,
    tim: Option<String>,
    /// Another one is wanted beyond the least number; or none is.
    more: bool,
    enough: bool,
    asked: Asked,
    settle: Option<Settle>,
    mounts: Vec<Mount>,
    points: Vec<Point>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Asked {
    #[default]
    Nothing,
    More,
    Mounted,
    Id,
    Torque,
    Tim,
}

impl Step for Remounts {
    fn name(&self) -> &'static str {
        "resistance"
    }

    fn purpose(&self) -> &'static str {
        "Die to plate at full load over three or more mounts, each with torque and interface material."
    }

    fn eta_s(&self, _: &Facts) -> f64 {
        MOUNTS as f64 * 600.0
    }

    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, want: &mut Wanted) -> Move {
        if !now.facts.coupled {
            return Outcome::not_applicable("the device under test is not on this plate").done();
        }
        self.take(answer);
        if let Some(question) = self.next_question(now.facts) {
            return Move::Ask(question);
        }
        if self.enough {
            return self.judge(now.facts);
        }
        let target = near_room(now);
        (want.target, want.duty) = (Some(target), 1.0);
        let rule = Rule { target: Some(target), plate_k_min: 0.1, sink_k_min: None, limit_s: 3600.0 };
        let point = match self.settle.get_or_insert_with(|| Settle::new(rule, WINDOW_S)).look(now) {
            Settled::Waiting(words) => return Move::Go(format!("mount {}: {words}", self.mounts.len() + 1)),
            Settled::Never(why, point) => {
                self.points.push(*point);
                return self.end(Outcome::failed(why));
            }
            Settled::Steady(point) => Point { target_degc: Some(target), duty_frac: 1.0, held: true, ..*point },
        };
        let rise = point.die_degc.zip(point.plate_degc).map(|(die, plate)| die - plate);
        let Some(k_w) = rise.zip(point.board_w.filter(|w| *w > 0.0)).map(|(k, w)| k / w) else {
            return self.end(Outcome::failed("the die's temperature or the board's power is not read: there is no resistance to watch"));
        };
        self.points.push(point);
        self.mounts.push(Mount {
            id: self.id.take().unwrap_or_default(),
            torque_nm: self.torque_nm.take().unwrap_or_default(),
            tim: self.tim.take().unwrap_or_default(),
            k_w,
        });
        (self.settle, self.mounted, self.more) = (None, false, false);
        Move::Go(format!("mount {}: {k_w:.4} K/W", self.mounts.len()))
    }
}

impl Remounts {
    fn take(&mut self, answer: Option<Answer>) {
        match (std::mem::take(&mut self.asked), answer) {
            (Asked::More, Some(answer)) => {
                self.more = answer == Answer::Yes;
                self.enough = !self.more;
            }
            (Asked::Mounted, Some(Answer::Yes)) => self.mounted = true,
            (Asked::Id, Some(Answer::Text(id))) => self.id = Some(id),
            (Asked::Torque, Some(Answer::Number(nm))) => self.torque_nm = Some(nm),
            (Asked::Tim, Some(Answer::Text(tim))) => self.tim = Some(tim),
            _ => {}
        }
    }

    /// Output off and idle while these are open.
    fn next_question(&mut self, facts: &Facts) -> Option<Question> {
        let done = self.mounts.len();
        let number = done + 1;
        let key = |what: &str| format!("mount.{number}.{what}");
        if self.enough {
            return None;
        }
        if done >= MOST {
            self.enough = true;
            return None;
        }
        if done >= MOUNTS && !self.more && !self.mounted {
            self.asked = Asked::More;
            return Some(Question::yes_no(key("more"), format!("{done} mounts are measured. Another one?")).or("no"));
        }
        if !self.mounted && done > 0 {
            self.asked = Asked::Mounted;
            let text = if facts.emulated {
                "An emulated card cannot be remounted: the same mount is measured again, and the record says so. Go on?"
            } else {
                "The output is off. Take the card off, clean both faces, mount it again with new interface material. Done?"
            };
            return Some(Question::yes_no(key("mounted"), text));
        }
        self.mounted = true;
        if self.id.is_none() {
            self.asked = Asked::Id;
            return Some(Question::text(key("id"), format!("Name of mount {number}?")));
        }
        if self.torque_nm.is_none() {
            self.asked = Asked::Torque;
            return Some(Question::number(key("torque_nm"), "Torque of its screws?", (0.0, 50.0), "N m"));
        }
        if self.tim.is_none() {
            self.asked = Asked::Tim;
            return Some(Question::text(key("tim"), "Its thermal interface material?"));
        }
        self.asked = Asked::Nothing;
        None
    }

    fn judge(&mut self, facts: &Facts) -> Move {
        let values: Vec<f64> = self.mounts.iter().map(|m| m.k_w).collect();
        let (mean_k_w, sd_k_w) = mean_sd(&values);
        let board_w = self.points.iter().filter_map(|p| p.board_w).sum::<f64>() / self.points.len().max(1) as f64;
        let good = mean_k_w > 0.0 && sd_k_w <= SPREAD_FRAC * mean_k_w;
        let spread = if facts.emulated { "spread of repetition, nothing was remounted" } else { "spread over the mounts" };
        let why = format!("{mean_k_w:.4} K/W at {board_w:.0} W, {spread} {sd_k_w:.4} K/W");
        let why = if good { why } else { format!("{why}: more than {:.0} %, mounting cannot be repeated", SPREAD_FRAC * 100.0) };
        let mut outcome = Outcome::judged(good, why).number("mean_k_w", mean_k_w).number("sd_k_w", sd_k_w);
        let mounts = std::mem::take(&mut self.mounts);
        outcome.resistance = Some(Resistance { mean_k_w, sd_k_w, board_w, remounted: !facts.emulated, mounts });
        self.end(outcome)
    }

    fn end(&mut self, outcome: Outcome) -> Move {
        outcome.points(std::mem::take(&mut self.points)).done()
    }
}
