//! What the screen knows, and how each message changes it. Pure: no terminal, no socket, no clock; what is drawn from it is in
//! [`crate::screen`].

use crate::Options;
use crate::alarms::Alarms;
use crate::history::{History, Sample};
use crate::keys::{self, Action, Mode, Stroke};
use crate::past::{Past, Prediction};
use crate::tally::Tally;
use crate::theme::{Palette, Theme};
use record::session::{Hello, RunCard, ToScreen};
use record::{APART, Event, Row};
use signal::{Request, RunState, Source};
use std::collections::VecDeque;
use std::time::Duration;

/// Events kept for the lines below the alarms.
const EVENTS: usize = 64;
/// Silence of the engine that is worth a word, s of wall time.
const SILENCE_S: f64 = 5.0;

/// Something the screen must take in.
#[derive(Clone, Debug)]
pub enum Message {
    /// The engine said something.
    Engine(Box<ToScreen>),
    /// The engine is gone without saying how the run ended, or what it says cannot be understood.
    Gone {
        /// What was noticed.
        why: String,
    },
    /// The rows before the first one heard.
    Past(Box<Past>),
    /// What was predicted.
    Prediction(Box<Prediction>),
    /// A file of the run folder could not be read.
    Unread {
        /// Which, and why.
        why: String,
    },
    /// A key was pressed.
    Key(Stroke),
    /// The terminal has another size.
    Resized,
    /// Time since the screen opened.
    Now(Duration),
    /// The system asks this process to go.
    Dismissed,
}

/// What a message asks the outside for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What is on the screen is out of date.
    pub paint: bool,
    /// Send this to the engine.
    pub send: Option<Request>,
    /// Close the screen.
    pub leave: bool,
}

const PAINT: Outcome = Outcome { paint: true, send: None, leave: false };
const NOTHING: Outcome = Outcome { paint: false, send: None, leave: false };
const LEAVE: Outcome = Outcome { paint: false, send: None, leave: true };

/// How the screen and the engine stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The engine talks.
    Live,
    /// The engine went without a word, or with one that makes no sense.
    Gone(String),
    /// The run is over.
    Ended {
        /// Exit code of the engine.
        code: u8,
        /// How it ended.
        words: String,
    },
}

/// What a freeze holds still.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) row: Option<Box<Row>>,
    pub(crate) history: History,
    pub(crate) tally: Tally,
}

/// How much time the charts span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zoom {
    Quarter,
    Orbit,
    Run,
}

/// Everything the screen knows.
pub struct App {
    run: RunCard,
    live: View,
    frozen: Option<(Duration, Box<View>)>,
    prediction: Option<Box<Prediction>>,
    alarms: Alarms,
    events: VecDeque<Event>,
    lost: u64,
    link: Link,
    question: Option<Request>,
    help: bool,
    zoom: Zoom,
    now: Duration,
    heard: Duration,
    asked: Option<Request>,
    note: Option<String>,
    read_only: bool,
    linger: bool,
    theme: Theme,
    /// The work is not known to be where the energy is measured: no work per joule.
    apart: bool,
}

/// Text from elsewhere, without what would move the cursor.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

impl App {
    /// The screen as the engine's first message makes it.
    pub fn new(hello: Hello, options: &Options, palette: Palette) -> Self {
        let mut run = hello.run;
        for text in [&mut run.name, &mut run.profile, &mut run.rig, &mut run.accelerator, &mut run.workload, &mut run.unit] {
            *text = plain(text);
        }
        run.sunlight.retain(|p| p.0.is_finite() && p.1.is_finite());
        run.sunlight.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut alarms = Alarms::default();
        for event in &hello.latched {
            alarms.raise(&tidy(event.clone()));
        }
        Self {
            run,
            live: View { row: hello.last.map(Box::new), ..View::default() },
            frozen: None,
            prediction: None,
            alarms,
            events: VecDeque::new(),
            lost: 0,
            link: Link::Live,
            question: None,
            help: false,
            zoom: Zoom::Orbit,
            now: Duration::ZERO,
            heard: Duration::ZERO,
            asked: None,
            note: None,
            read_only: options.read_only,
            linger: options.linger,
            theme: Theme::of(palette),
            apart: hello.latched.iter().any(|event| event.kind == APART),
        }
    }

    /// Takes in a message.
    pub fn update(&mut self, message: Message) -> Outcome {
        match message {
            Message::Engine(said) => {
                self.heard = self.now;
                self.engine(*said)
            }
            Message::Gone { why } => {
                if self.link == Link::Live {
                    self.link = Link::Gone(plain(&why));
                    self.question = None;
                    self.asked = None;
                }
                PAINT
            }
            Message::Past(past) => {
                self.live.history.prepend(past.history);
                self.live.tally.add(past.tally);
                PAINT
            }
            Message::Prediction(prediction) => {
                self.prediction = Some(prediction);
                PAINT
            }
            Message::Unread { why } => {
                self.note = Some(plain(&why));
                PAINT
            }
            Message::Key(stroke) => self.key(stroke),
            Message::Resized => PAINT,
            Message::Now(now) => {
                let shows_time = self.frozen.is_some() || self.silent_s().is_some();
                self.now = self.now.max(now);
                Outcome { paint: shows_time || self.silent_s().is_some(), ..NOTHING }
            }
            Message::Dismissed => LEAVE,
        }
    }

    fn engine(&mut self, said: ToScreen) -> Outcome {
        match said {
            // The client reads the first one; an engine says it once.
            ToScreen::Hello(_) => return NOTHING,
            ToScreen::Row(row) => self.row(row),
            ToScreen::Event(event) => self.event(tidy(event)),
            ToScreen::Lost { n } => {
                self.lost = self.lost.saturating_add(n);
                if let Some(last) = self.live.history.last() {
                    let hole = Sample::hole(last.bench_s, last.mission_s);
                    self.live.history.push(hole);
                }
            }
            ToScreen::End { code, words } => {
                self.link = Link::Ended { code, words: plain(&words) };
                self.question = None;
                self.asked = None;
                return Outcome { leave: !self.linger, ..PAINT };
            }
        }
        PAINT
    }

    fn row(&mut self, row: Box<Row>) {
        if self.live.row.as_ref().is_some_and(|last| last.state != row.state) {
            self.asked = None;
        }
        self.live.history.push(Sample::of(&row));
        self.live.tally.count(&row, self.run.dt_s, self.run.board_power());
        self.live.row = Some(row);
        self.drop_stale_question();
    }

    fn event(&mut self, event: Event) {
        // `control` notes every request in these words before it acts on it.
        if event.kind == "request" {
            if self.asked.is_some_and(|asked| asked.word() == event.message) {
                self.asked = None;
            }
            if event.message == Request::Ack.word() {
                self.alarms.acknowledge();
            }
        }
        self.apart |= event.kind == APART;
        self.alarms.raise(&event);
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A question about something that can no longer be done is answered already.
    fn drop_stale_question(&mut self) {
        if self.question.is_some_and(|asked| !self.would_do(Action::Ask(asked))) {
            self.question = None;
        }
    }

    fn would_do(&self, action: Action) -> bool {
        keys::TABLE.iter().any(|b| b.mode == Mode::Main && b.action == action && (b.valid)(self))
    }

    fn key(&mut self, stroke: Stroke) -> Outcome {
        let Some(action) = keys::action(self, stroke) else { return NOTHING };
        match action {
            Action::Ask(request) => self.question = Some(request),
            Action::Send(request) => return self.send(request),
            Action::Freeze => {
                self.frozen = match self.frozen.take() {
                    Some(_) => None,
                    None => Some((self.now, Box::new(self.live.clone()))),
                };
            }
            Action::ZoomIn => self.zoom = self.zoom.nearer(),
            Action::ZoomOut => self.zoom = self.zoom.wider(),
            Action::Help => self.help = true,
            Action::CloseHelp => self.help = false,
            Action::No => self.question = None,
            Action::Yes => {
                let Some(request) = self.question.take() else { return PAINT };
                if self.would_do(Action::Ask(request)) {
                    return self.send(request);
                }
            }
            Action::Leave => return LEAVE,
        }
        PAINT
    }

    fn send(&mut self, request: Request) -> Outcome {
        self.asked = Some(request);
        Outcome { send: Some(request), ..PAINT }
    }

    /// The run as the engine introduced it.
    pub const fn run(&self) -> &RunCard {
        &self.run
    }

    /// What the run is doing, frozen view or not.
    pub fn state(&self) -> RunState {
        self.live.row.as_ref().map_or(RunState::default(), |row| row.state)
    }

    /// What is on top of the screen.
    pub const fn mode(&self) -> Mode {
        if self.question.is_some() {
            Mode::Question
        } else if self.help {
            Mode::Help
        } else {
            Mode::Main
        }
    }

    /// The alarms heard of.
    pub const fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Whether joules of the board are joules of the work.
    pub(crate) fn work_per_joule(&self) -> bool {
        !self.apart || self.run.energy_source == Source::Meter
    }

    /// The newest events, oldest first.
    pub const fn events(&self) -> &VecDeque<Event> {
        &self.events
    }

    /// Messages this screen was too slow for.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// How screen and engine stand.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// The request that waits for a yes.
    pub const fn question(&self) -> Option<Request> {
        self.question
    }

    /// True while the help overlay is open.
    pub const fn helping(&self) -> bool {
        self.help
    }

    /// The request that was sent and not yet answered.
    pub const fn asked(&self) -> Option<Request> {
        self.asked
    }

    /// A word about a file that could not be read.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// True if this screen may only look.
    pub const fn read_only(&self) -> bool {
        self.read_only
    }

    /// The styles.
    pub const fn theme(&self) -> &Theme {
        &self.theme
    }

    /// How long the view has been frozen, if it is.
    pub fn frozen(&self) -> Option<Duration> {
        self.frozen.as_ref().map(|(since, _)| self.now.saturating_sub(*since))
    }

    /// True if a request would reach an engine.
    pub fn may_request(&self) -> bool {
        !self.read_only && self.link == Link::Live
    }

    /// Wall seconds without a word from the engine, once that is too long.
    pub fn silent_s(&self) -> Option<f64> {
        let silent = self.now.saturating_sub(self.heard).as_secs_f64();
        let tick_s = (self.run.dt_s / self.run.speed).max(0.0);
        (self.link == Link::Live && silent >= SILENCE_S.max(3.0 * tick_s)).then_some(silent)
    }

    pub(crate) fn view(&self) -> &View {
        self.frozen.as_ref().map_or(&self.live, |(_, view)| view)
    }

    pub(crate) fn prediction(&self) -> Option<&Prediction> {
        self.prediction.as_deref()
    }

    pub(crate) const fn zoom(&self) -> Zoom {
        self.zoom
    }

    pub(crate) fn can_zoom_in(&self) -> bool {
        self.zoom != Zoom::Quarter
    }

    pub(crate) fn can_zoom_out(&self) -> bool {
        self.zoom != Zoom::Run
    }

    /// The newest row, frozen view or not.
    pub(crate) fn newest(&self) -> Option<&Row> {
        self.live.row.as_deref()
    }
}

impl Zoom {
    const fn nearer(self) -> Self {
        match self {
            Self::Run => Self::Orbit,
            Self::Orbit | Self::Quarter => Self::Quarter,
        }
    }

    const fn wider(self) -> Self {
        match self {
            Self::Quarter => Self::Orbit,
            Self::Orbit | Self::Run => Self::Run,
        }
    }
}

fn tidy(mut event: Event) -> Event {
    for text in [&mut event.kind, &mut event.who, &mut event.message] {
        *text = plain(text);
    }
    event
}
