//! The terminal: taken, given back on every way out, and the loop between keys, engine and screen. What any of it means is
//! [`App`]'s.

use crate::app::{App, Message};
use crate::keys::Stroke;
use crate::pacer::Pacer;
use crate::{Error, screen};
use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased};
use crossterm::event::{self, DisableMouseCapture, EnableMouseCapture, Event, KeyCode, KeyEventKind, MouseEventKind};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal::Request;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};
use std::io::{self, Stdout};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// True while this process holds the terminal. A panic hook has no other way to know.
static TAKEN: AtomicBool = AtomicBool::new(false);

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// The terminal in raw mode on its second screen.
pub(crate) struct Taken {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
    hook: Arc<Hook>,
}

/// Gives the terminal back, once. There is nobody left to tell if it fails.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

impl Taken {
    pub(crate) fn take(mouse: bool) -> Result<Self, Error> {
        let refused = |source| Error::Terminal { doing: "take the terminal", source };
        let hook: Arc<Hook> = Arc::from(panic::take_hook());
        let before = Arc::clone(&hook);
        // The message of a panic belongs on the ordinary screen, so the terminal goes back first; on any thread.
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
        enable_raw_mode().map_err(refused)?;
        TAKEN.store(true, Ordering::SeqCst);
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) })
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => Ok(Self { terminal, hook }),
            Err(source) => {
                give_back();
                Err(refused(source))
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
        // A panicking thread may not touch the hook, and no longer needs to.
        if !thread::panicking() {
            let hook = Arc::clone(&self.hook);
            panic::set_hook(Box::new(move |info| hook(info)));
        }
    }
}

/// How often the keyboard thread looks whether it is still wanted.
const KEYS_EVERY: Duration = Duration::from_millis(100);

/// Keys, sizes and the system's wish that we go, from a thread that waits for them.
pub(crate) struct Inputs {
    messages: Receiver<Message>,
    done: Arc<AtomicBool>,
    signals: Vec<SigId>,
    thread: Option<JoinHandle<()>>,
}

impl Inputs {
    pub(crate) fn open() -> Result<Self, Error> {
        let refused = |source| Error::Terminal { doing: "listen to the keyboard", source };
        let dismissed = Arc::new(AtomicBool::new(false));
        let wanted = [SIGTERM, SIGHUP, SIGINT];
        let signals = wanted.iter().map(|s| flag::register(*s, Arc::clone(&dismissed))).collect::<Result<_, _>>().map_err(refused)?;
        let done = Arc::new(AtomicBool::new(false));
        let (tx, messages) = bounded(64);
        let until = Arc::clone(&done);
        let thread = thread::Builder::new().name("screen-keys".into()).spawn(move || wait_for_keys(&tx, &until, &dismissed));
        Ok(Self { messages, done, signals, thread: Some(thread.map_err(refused)?) })
    }

    pub(crate) const fn messages(&self) -> &Receiver<Message> {
        &self.messages
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        self.signals.iter().for_each(|id| {
            low_level::unregister(*id);
        });
        // It looks up ten times a second. Whoever reads the keyboard next must not share it. A panic there was told by its hook.
        self.messages = never();
        let patience = Instant::now() + 5 * KEYS_EVERY;
        while self.thread.as_ref().is_some_and(|t| !t.is_finished()) && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        // A thread that is stuck in the terminal is left behind: it ends with the process, which must not wait for it.
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

/// Waits for the keyboard, at most `patience`; true if the terminal behind it is gone. Asked first, because crossterm reads a terminal that
/// was closed under it over and over without ever returning.
fn hung_up(patience: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    let patience = Timespec { tv_sec: 0, tv_nsec: i64::from(patience.subsec_nanos()) };
    match poll(&mut watched, Some(&patience)) {
        Ok(_) => Ok(watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)),
        // A signal (a resized window, say): crossterm looks at it next.
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(why) => Err(why.into()),
    }
}

fn wait_for_keys(screen: &Sender<Message>, done: &AtomicBool, dismissed: &AtomicBool) {
    while !done.load(Ordering::SeqCst) {
        let heard = match hung_up(KEYS_EVERY) {
            Ok(true) => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(false) => match event::poll(Duration::ZERO) {
                Ok(true) => event::read().map(|e| message_of(&e)),
                Ok(false) => Ok(None),
                Err(gone) => Err(gone),
            },
            Err(gone) => Err(gone),
        };
        let leave = heard.is_err() || dismissed.load(Ordering::SeqCst);
        let message = if leave { Some(Message::Dismissed) } else { heard.unwrap_or(None) };
        if message.is_some_and(|m| screen.send(m).is_err()) || leave {
            return;
        }
    }
}

fn message_of(event: &Event) -> Option<Message> {
    let key = |c| Message::Key(Stroke { code: KeyCode::Char(c), ctrl: false });
    match event {
        Event::Key(pressed) if pressed.kind != KeyEventKind::Release => Some(Message::Key(Stroke::of(pressed.code, pressed.modifiers))),
        Event::Resize(..) => Some(Message::Resized),
        Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollUp => Some(key('+')),
        Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollDown => Some(key('-')),
        _ => None,
    }
}

/// What waits to be painted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stale {
    No,
    Rows,
    Key,
}

/// Shows `app` until it is left. `held` says whether the terminal is still ours.
pub(crate) fn watch<B: Backend>(
    app: &mut App,
    terminal: &mut Terminal<B>,
    (keys, engine): (&Receiver<Message>, &Receiver<Message>),
    mut ask: impl FnMut(Request) -> io::Result<()>,
    held: impl Fn() -> bool,
) -> Result<(), Error>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (started, mut pacer, mut stale) = (Instant::now(), Pacer::default(), Stale::Key);
    let (silence, mut engine, mut second) = (never(), engine, 1);
    loop {
        if !held() {
            return Err(Error::Panicked);
        }
        let now = started.elapsed();
        let mut pause = Duration::from_secs(second).saturating_sub(now);
        if stale > Stale::No {
            let wait = pacer.wait(now, stale == Stale::Key);
            if wait.is_zero() {
                let painted = terminal.draw(|frame| screen::render(app, frame));
                painted.map_err(|e| Error::Terminal { doing: "paint the screen", source: io::Error::other(e) })?;
                pacer.painted(now);
                stale = Stale::No;
                continue;
            }
            pause = pause.min(wait);
        }
        let (message, hurry) = select_biased! {
            recv(keys) -> key => (key.unwrap_or(Message::Dismissed), true),
            recv(engine) -> said => (said.unwrap_or_else(|_| {
                engine = &silence;
                Message::Gone { why: "the session is over".to_owned() }
            }), false),
            default(pause) => {
                let now = started.elapsed();
                if now.as_secs() < second {
                    continue;
                }
                second = now.as_secs() + 1;
                (Message::Now(now), false)
            }
        };
        let outcome = app.update(message);
        if let Some(Err(broken)) = outcome.send.map(&mut ask) {
            app.update(Message::Gone { why: format!("a request could not be sent: {broken}") });
        }
        if outcome.leave {
            return Ok(());
        }
        if outcome.paint {
            stale = stale.max(if hurry { Stale::Key } else { Stale::Rows });
        }
    }
}

/// True while the terminal is ours.
pub(crate) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crossterm::event::{KeyEvent, KeyModifiers};
    use ratatui::backend::TestBackend;
    use record::session::ToScreen;
    use std::cell::RefCell;

    fn key(c: char) -> Message {
        Message::Key(Stroke { code: KeyCode::Char(c), ctrl: false })
    }

    /// Runs the loop on what is already waiting; keys are taken before what the engine says.
    fn watched(keys: Vec<Message>, engine: Vec<Message>) -> (App, Vec<Request>, Result<(), Error>) {
        let (key_tx, key_rx) = bounded(64);
        let (engine_tx, engine_rx) = bounded(64);
        for (messages, channel) in [(keys, &key_tx), (engine, &engine_tx)] {
            for message in messages {
                channel.send(message).expect("room");
            }
        }
        let mut app = fixture::app(false);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("cannot fail");
        let asked = RefCell::new(Vec::new());
        let ask = |request| {
            asked.borrow_mut().push(request);
            Ok(())
        };
        let left = watch(&mut app, &mut terminal, (&key_rx, &engine_rx), ask, || true);
        (app, asked.into_inner(), left)
    }

    #[test]
    fn keys_reach_the_engine_and_q_only_leaves() {
        let (_, asked, left) = watched(vec![key('a'), key('y'), key('q')], Vec::new());
        assert!(left.is_ok());
        assert_eq!(asked, [Request::Abort]);
    }

    #[test]
    fn the_end_of_the_run_closes_the_screen() {
        let end = ToScreen::End { code: 0, words: "done, SAFE CONFIRMED".into() };
        let (app, asked, left) = watched(Vec::new(), vec![Message::Engine(Box::new(end))]);
        assert!(left.is_ok() && asked.is_empty());
        assert!(matches!(app.link(), crate::app::Link::Ended { code: 0, .. }));
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_not_lost_in_silence() {
        let (key_tx, key_rx) = bounded(8);
        for c in ['p', 'q'] {
            key_tx.send(key(c)).expect("room");
        }
        let mut app = fixture::app(false);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("cannot fail");
        let broken = |_| Err(io::Error::from(io::ErrorKind::BrokenPipe));
        watch(&mut app, &mut terminal, (&key_rx, &never()), broken, || true).expect("left by q");
        assert!(matches!(app.link(), crate::app::Link::Gone(why) if why.contains("could not be sent")));
    }

    #[test]
    fn a_terminal_taken_away_by_a_panic_ends_the_screen() {
        let mut app = fixture::app(false);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("cannot fail");
        let left = watch(&mut app, &mut terminal, (&never(), &never()), |_| Ok(()), || false);
        assert!(matches!(left, Err(Error::Panicked)));
    }

    #[test]
    fn terminal_events_become_messages() {
        let pressed = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(matches!(message_of(&pressed), Some(Message::Key(Stroke { code: KeyCode::Char('c'), ctrl: true }))));
        let released = KeyEvent::new_with_kind(KeyCode::Char('a'), KeyModifiers::NONE, KeyEventKind::Release);
        assert!(message_of(&Event::Key(released)).is_none());
        assert!(matches!(message_of(&Event::Resize(1, 1)), Some(Message::Resized)));
    }
}
