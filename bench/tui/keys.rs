//! The one table of keys: what a key does, when it may, and the words for it. Dispatch, footer and help overlay all read it.

use crate::app::App;
use crossterm::event::{KeyCode, KeyModifiers};
use signal::{Request, RunState};

/// A key, with or without Ctrl. Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stroke {
    /// The key.
    pub code: KeyCode,
    /// Held with Ctrl.
    pub ctrl: bool,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the question that comes before a request that ends the run.
    Ask(Request),
    /// Send a request that ends nothing.
    Send(Request),
    /// Freeze the view, or let it go on.
    Freeze,
    /// A shorter time axis.
    ZoomIn,
    /// A longer time axis.
    ZoomOut,
    /// Open the help overlay.
    Help,
    /// Close the help overlay.
    CloseHelp,
    /// Answer the question with yes.
    Yes,
    /// Answer the question with no.
    No,
    /// Leave the screen; the run goes on.
    Leave,
}

/// What is on top of the screen, and so which keys count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Main,
    /// A question that waits for an answer.
    Question,
    /// The help overlay.
    Help,
}

/// A line of the table.
pub struct Binding {
    /// Where it counts.
    pub mode: Mode,
    /// Any of these keys; the first is the one shown in the footer.
    pub keys: &'static [Stroke],
    /// What they do.
    pub action: Action,
    /// The word for the footer.
    pub label: &'static str,
    /// The sentence for the help overlay.
    pub help: &'static str,
    /// Whether it would do anything now.
    pub valid: fn(&App) -> bool,
}

const fn key(c: char) -> Stroke {
    Stroke { code: KeyCode::Char(c), ctrl: false }
}

const fn special(code: KeyCode) -> Stroke {
    Stroke { code, ctrl: false }
}

const CTRL_C: Stroke = Stroke { code: KeyCode::Char('c'), ctrl: true };

const fn always(_: &App) -> bool {
    true
}

fn may_end(app: &App) -> bool {
    app.may_request() && !matches!(app.state(), RunState::Stopping | RunState::Safe)
}

fn may_hold(app: &App) -> bool {
    app.may_request() && app.state() == RunState::Running
}

fn may_resume(app: &App) -> bool {
    app.may_request() && matches!(app.state(), RunState::Held | RunState::Suspended)
}

fn may_acknowledge(app: &App) -> bool {
    app.may_request() && app.alarms().unacknowledged() > 0
}

/// Every key, the most needed first: a footer that is too short loses its end.
pub const TABLE: &[Binding] = &[
    Binding {
        mode: Mode::Main,
        keys: &[key('a')],
        action: Action::Ask(Request::Abort),
        label: "abort",
        help: "end the run now, rig safe, marked aborted; asks first",
        valid: may_end,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('h')],
        action: Action::Ask(Request::Halt),
        label: "halt",
        help: "every channel takes its safe action at once; asks first",
        valid: App::may_request,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('s')],
        action: Action::Ask(Request::Stop),
        label: "stop",
        help: "end the run cleanly here, as a success; asks first",
        valid: may_end,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('k')],
        action: Action::Send(Request::Ack),
        label: "acknowledge",
        help: "acknowledge every alarm and trip that is listed",
        valid: may_acknowledge,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('r')],
        action: Action::Send(Request::Resume),
        label: "resume",
        help: "let mission time go on after a hold or a suspension",
        valid: may_resume,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('q'), CTRL_C],
        action: Action::Leave,
        label: "leave",
        help: "leave this screen; the run goes on",
        valid: always,
    },
    Binding { mode: Mode::Main, keys: &[key('?')], action: Action::Help, label: "help", help: "this page", valid: always },
    Binding {
        mode: Mode::Main,
        keys: &[key('p')],
        action: Action::Send(Request::Hold),
        label: "hold",
        help: "freeze mission time; the setpoint stays",
        valid: may_hold,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('f'), key(' ')],
        action: Action::Freeze,
        label: "freeze",
        help: "freeze the view or let it go on; the run never stops for it",
        valid: always,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('+'), key('=')],
        action: Action::ZoomIn,
        label: "nearer",
        help: "a shorter stretch of time: run, orbit, quarter orbit",
        valid: App::can_zoom_in,
    },
    Binding {
        mode: Mode::Main,
        keys: &[key('-')],
        action: Action::ZoomOut,
        label: "wider",
        help: "a longer stretch of time: quarter orbit, orbit, run",
        valid: App::can_zoom_out,
    },
    Binding {
        mode: Mode::Question,
        keys: &[key('y'), key('Y')],
        action: Action::Yes,
        label: "yes, do it",
        help: "do what the question says",
        valid: App::may_request,
    },
    Binding {
        mode: Mode::Question,
        keys: &[key('n'), key('N'), special(KeyCode::Esc), special(KeyCode::Enter), key('q')],
        action: Action::No,
        label: "no, go on",
        help: "nothing happens: the default",
        valid: always,
    },
    Binding {
        mode: Mode::Question,
        keys: &[CTRL_C],
        action: Action::Leave,
        label: "leave",
        help: "leave this screen; nothing is asked for and the run goes on",
        valid: always,
    },
    Binding {
        mode: Mode::Help,
        keys: &[special(KeyCode::Esc), key('?'), key('q'), special(KeyCode::Enter)],
        action: Action::CloseHelp,
        label: "close",
        help: "back to the screen",
        valid: always,
    },
    Binding {
        mode: Mode::Help,
        keys: &[CTRL_C],
        action: Action::Leave,
        label: "leave",
        help: "leave this screen; the run goes on",
        valid: always,
    },
];

impl Stroke {
    /// The stroke of a key event's parts. Terminals differ in whether Shift is reported beside the character it made.
    pub fn of(code: KeyCode, modifiers: KeyModifiers) -> Self {
        Self { code, ctrl: modifiers.contains(KeyModifiers::CONTROL) }
    }

    /// The key as it is written on the screen.
    pub fn name(self) -> String {
        let plain = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(c) if self.ctrl => c.to_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            other => other.to_string(),
        };
        if self.ctrl { format!("Ctrl-{plain}") } else { plain }
    }
}

/// What `stroke` does now, if anything.
pub fn action(app: &App, stroke: Stroke) -> Option<Action> {
    valid(app).find(|b| b.keys.contains(&stroke)).map(|b| b.action)
}

/// The lines of the table that count now.
pub fn valid(app: &App) -> impl Iterator<Item = &'static Binding> {
    let mode = app.mode();
    TABLE.iter().filter(move |b| b.mode == mode && (b.valid)(app))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_means_two_things() {
        for mode in [Mode::Main, Mode::Question, Mode::Help] {
            let mut seen = HashSet::new();
            for stroke in TABLE.iter().filter(|b| b.mode == mode).flat_map(|b| b.keys) {
                assert!(seen.insert(*stroke), "{} twice in {mode:?}", stroke.name());
            }
            assert!(seen.contains(&CTRL_C), "Ctrl-C leaves from anywhere");
        }
    }

    #[test]
    fn every_line_has_its_words() {
        for binding in TABLE {
            assert!(!binding.keys.is_empty() && !binding.label.is_empty() && !binding.help.is_empty());
        }
    }

    #[test]
    fn what_ends_a_run_is_only_ever_asked_about() {
        for binding in TABLE {
            assert!(!matches!(binding.action, Action::Send(Request::Stop | Request::Abort | Request::Halt)));
        }
    }

    #[test]
    fn keys_have_names() {
        let names: Vec<String> = [CTRL_C, key(' '), special(KeyCode::Esc), key('?')].into_iter().map(Stroke::name).collect();
        assert_eq!(names, ["Ctrl-C", "space", "Esc", "?"]);
    }
}
