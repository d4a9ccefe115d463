//! What keys and messages do to the screen's state.

use crate::app::{App, Link, Message, Outcome};
use crate::fixture::{self, STAGING, event, said};
use crate::keys::{Mode, Stroke};
use crate::{Leave, Options, Palette};
use crossterm::event::KeyCode;
use record::session::ToScreen;
use signal::{Request, RunState, Severity};
use std::time::Duration;

fn key(app: &mut App, code: KeyCode) -> Outcome {
    app.update(Message::Key(Stroke { code, ctrl: false }))
}

fn press(app: &mut App, c: char) -> Outcome {
    key(app, KeyCode::Char(c))
}

fn in_state(app: &mut App, state: RunState) {
    let mut row = fixture::row(STAGING + 9);
    row.state = state;
    app.update(said(ToScreen::Row(Box::new(row))));
}

#[test]
fn what_ends_a_run_is_asked_once_and_only_y_confirms() {
    for (letter, request) in [('s', Request::Stop), ('a', Request::Abort), ('h', Request::Halt)] {
        let mut app = fixture::app(false);
        for no in [KeyCode::Enter, KeyCode::Esc, KeyCode::Char('n'), KeyCode::Char('q')] {
            assert_eq!(press(&mut app, letter).send, None);
            assert_eq!(app.question(), Some(request));
            let answered = key(&mut app, no);
            assert_eq!((answered.send, answered.leave, app.question()), (None, false, None), "{no:?}");
        }
        press(&mut app, letter);
        for other in [KeyCode::Char(letter), KeyCode::Char(' '), KeyCode::Tab] {
            assert_eq!(key(&mut app, other).send, None);
            assert_eq!(app.question(), Some(request), "any other key leaves the question open");
        }
        assert_eq!(press(&mut app, 'y').send, Some(request));
        assert_eq!((app.question(), app.asked()), (None, Some(request)));
        assert_eq!(press(&mut app, 'y').send, None, "asked once");
    }
}

#[test]
fn a_question_that_has_become_pointless_closes() {
    let mut app = fixture::app(false);
    press(&mut app, 's');
    in_state(&mut app, RunState::Stopping);
    assert_eq!(app.question(), None);
    press(&mut app, 'h');
    assert_eq!(app.question(), Some(Request::Halt), "halt is there to the end");
    app.update(Message::Gone { why: "x".into() });
    assert_eq!((app.question(), app.mode()), (None, Mode::Main));
    assert_eq!(press(&mut app, 'h').send, None);
    assert_eq!(app.question(), None);
}

#[test]
fn keys_follow_the_state() {
    let cases = [
        (RunState::Running, 'p', Some(Request::Hold)),
        (RunState::Running, 'r', None),
        (RunState::Held, 'p', None),
        (RunState::Held, 'r', Some(Request::Resume)),
        (RunState::Suspended, 'r', Some(Request::Resume)),
        (RunState::Staging, 'p', None),
        (RunState::Running, 'k', None),
    ];
    for (state, letter, expected) in cases {
        let mut app = fixture::app(false);
        in_state(&mut app, state);
        assert_eq!(press(&mut app, letter).send, expected, "{letter} while {state}");
    }
}

#[test]
fn a_read_only_screen_asks_for_nothing() {
    let mut app = fixture::app(true);
    app.update(said(ToScreen::Event(event(Severity::Alarm, "link", "lost"))));
    for letter in "ahskpry".chars() {
        assert_eq!(press(&mut app, letter).send, None, "{letter}");
        assert_eq!(app.question(), None);
    }
    assert!(press(&mut app, 'q').leave);
}

#[test]
fn alarms_wait_for_the_engines_word() {
    let mut app = fixture::app(false);
    app.update(said(ToScreen::Event(event(Severity::Trip, "interlock", "plate above 75 °C"))));
    assert_eq!(press(&mut app, 'k').send, Some(Request::Ack));
    assert_eq!(app.alarms().unacknowledged(), 1, "asking is not having");
    app.update(said(ToScreen::Event(event(Severity::Info, "request", "ack"))));
    assert_eq!((app.alarms().unacknowledged(), app.asked()), (0, None));
}

#[test]
fn a_screen_that_comes_late_sees_latched_alarms_and_the_last_row() {
    let mut hello = fixture::hello();
    hello.latched = vec![event(Severity::Alarm, "link", "lost")];
    let mut row = fixture::row(STAGING + 5);
    row.state = RunState::Suspended;
    hello.last = Some(row);
    let app = App::new(hello, &Options::default(), Palette::Mono);
    assert_eq!((app.alarms().unacknowledged(), app.state()), (1, RunState::Suspended));
}

#[test]
fn freezing_stops_the_view_and_nothing_else() {
    let mut app = fixture::app(false);
    press(&mut app, 'f');
    app.update(Message::Now(Duration::from_secs(12)));
    let mut row = fixture::row(STAGING + 200);
    row.state = RunState::Held;
    app.update(said(ToScreen::Row(Box::new(row))));
    assert_eq!(app.frozen(), Some(Duration::from_secs(12)));
    assert_eq!(app.view().row.as_ref().map(|r| r.tick), Some(u64::from(STAGING + 3)));
    assert_eq!(app.state(), RunState::Held, "the state is never frozen");
    press(&mut app, ' ');
    assert_eq!(app.view().row.as_ref().map(|r| r.tick), Some(u64::from(STAGING + 200)));
    assert_eq!(app.view().history.iter().count(), 2, "acquisition went on");
}

#[test]
fn the_passing_of_time_is_only_painted_where_it_shows() {
    let mut app = fixture::app(false);
    assert!(!app.update(Message::Now(Duration::from_secs(1))).paint);
    assert!(app.update(Message::Now(Duration::from_secs(9))).paint, "the engine has been silent");
    assert_eq!(app.silent_s(), Some(9.0));
    in_state(&mut app, RunState::Running);
    assert_eq!(app.silent_s(), None);
    press(&mut app, 'f');
    assert!(app.update(Message::Now(Duration::from_secs(10))).paint);
    assert!(!press(&mut app, 'z').paint, "a key without a meaning changes nothing");
}

#[test]
fn missed_messages_are_counted_and_leave_a_gap() {
    let mut app = fixture::app(false);
    app.update(said(ToScreen::Lost { n: 3 }));
    app.update(said(ToScreen::Lost { n: 4 }));
    assert_eq!(app.lost(), 7);
    assert_eq!(app.view().history.last().and_then(|s| s.at(0)), None);
}

#[test]
fn each_way_out_has_its_words() {
    let mut app = fixture::app(false);
    let name = app.run().name.clone();
    assert_eq!(app.leave(), Leave::Detached { run: name.clone() });
    assert!(app.leave().to_string().contains(&format!("orbitbench attach {name}")));
    app.update(Message::Gone { why: "hung up".into() });
    let words = app.leave().to_string();
    assert!(words.contains("hung up") && words.contains("orbitbench verify"), "{words}");

    let mut app = fixture::app(false);
    let end = ToScreen::End { code: 6, words: "tripped, SAFE CONFIRMED".into() };
    assert!(app.update(said(end.clone())).leave);
    app.update(Message::Gone { why: "closed".into() });
    assert_eq!(app.leave(), Leave::Ended { code: 6, words: "tripped, SAFE CONFIRMED".into() });

    let mut app = App::new(fixture::hello(), &Options { linger: true, ..Options::default() }, Palette::Dark);
    assert!(!app.update(said(end)).leave);
    assert!(matches!(app.link(), Link::Ended { .. }));
    assert!(press(&mut app, 'q').leave);
}

#[test]
fn zoom_stops_at_its_ends() {
    let mut app = fixture::app(false);
    assert!(app.can_zoom_in() && app.can_zoom_out());
    press(&mut app, '-');
    assert!(!app.can_zoom_out() && !press(&mut app, '-').paint);
    press(&mut app, '+');
    press(&mut app, '=');
    assert!(!app.can_zoom_in());
}
