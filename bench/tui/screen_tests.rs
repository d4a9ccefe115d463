//! Pictures of whole screens, and the promise that no size, message or key brings one down.

use crate::app::{App, Message};
use crate::fixture::{self, STAGING, event, flying, said};
use crate::keys::Stroke;
use crate::theme::Palette;
use crate::{Options, screen};
use crossterm::event::KeyCode;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use record::session::{Hello, ToScreen};
use record::{Column, Row};
use signal::{Kept, Origin, Place, Reading, Request, RunState, Severity};
use std::time::Duration;

fn painted(app: &App, width: u16, height: u16) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend cannot fail");
    terminal.draw(|frame| screen::render(app, frame)).expect("a test backend cannot fail");
    terminal.backend().clone()
}

fn text(app: &App, width: u16, height: u16) -> String {
    painted(app, width, height).to_string()
}

fn press(app: &mut App, keys: &str) -> Vec<Request> {
    keys.chars().filter_map(|c| app.update(Message::Key(Stroke { code: KeyCode::Char(c), ctrl: false })).send).collect()
}

/// In shadow, with an alarm nobody has seen, a warning and missed rows.
fn troubled() -> App {
    let mut app = flying(STAGING + 310, Palette::Dark);
    app.update(said(ToScreen::Event(event(
        Severity::Alarm,
        "heat",
        "no heat reading for 4 ticks: accelerator silent? see accelerator info",
    ))));
    app.update(said(ToScreen::Event(event(Severity::Info, "request", "ack"))));
    app.update(said(ToScreen::Event(event(Severity::Warning, "gap", "2 ticks passed without one; their time is integrated across"))));
    let lost = "lost the TEC controller: no such device; its output is UNKNOWN until confirmed";
    app.update(said(ToScreen::Event(event(Severity::Alarm, "link", lost))));
    app.update(said(ToScreen::Lost { n: 37 }));
    let mut row = fixture::row(STAGING + 310);
    row.state = RunState::Suspended;
    row.set(Column::RunEndsInS, 7.0);
    app.update(said(ToScreen::Row(Box::new(row))));
    app
}

#[test]
fn a_flight_at_every_size() {
    let app = flying(STAGING + 400, Palette::Dark);
    for (width, height) in [(200, 50), (120, 40), (80, 24), (40, 12)] {
        insta::assert_snapshot!(format!("flight_{width}x{height}"), painted(&app, width, height));
    }
}

#[test]
fn trouble_at_every_size() {
    let app = troubled();
    for (width, height) in [(200, 50), (120, 40), (80, 24), (40, 12)] {
        insta::assert_snapshot!(format!("trouble_{width}x{height}"), painted(&app, width, height));
    }
}

#[test]
fn staging_and_overlays() {
    insta::assert_snapshot!("staging_80x24", painted(&flying(STAGING / 2, Palette::Dark), 80, 24));
    let mut app = flying(STAGING + 400, Palette::Dark);
    press(&mut app, "a");
    insta::assert_snapshot!("question_80x24", painted(&app, 80, 24));
    insta::assert_snapshot!("question_40x12", painted(&app, 40, 12));
    press(&mut app, "n?");
    insta::assert_snapshot!("help_80x24", painted(&app, 80, 24));
    press(&mut app, "?-f");
    app.update(Message::Now(Duration::from_secs(75)));
    insta::assert_snapshot!("frozen_run_120x40", painted(&app, 120, 40));
}

/// In the shadow with the work put away, and afterwards with some of it lost.
#[test]
fn work_that_is_away_says_so() {
    let mut app = flying(STAGING + 310, Palette::Dark);
    let put = |app: &mut App, place: Place, lost: f64| {
        let mut row = fixture::row(STAGING + 311);
        row.set(Column::WorkUnitsPerS, 0.0);
        for (channel, value) in (Kept { place, bytes: 3 << 30, lost_output: lost, ..Kept::default() }).channels() {
            row.set_reading(channel, &Reading::good(value.expect("all"), 0.0, Origin::Simulated));
        }
        app.update(said(ToScreen::Row(Box::new(row))));
    };
    put(&mut app, Place::Away, 0.0);
    insta::assert_snapshot!("away_80x24", painted(&app, 80, 24));
    for (place, words) in [
        (Place::Leaving, "being put away: 3072.0 MiB saved"),
        (Place::Coming, "coming back: 3072.0 MiB saved, 8.19 k lost so far"),
        (Place::Memory, "3072.0 MiB saved, 8.19 k lost so far"),
    ] {
        put(&mut app, place, if place == Place::Leaving { 0.0 } else { 8192.0 });
        for (width, height) in [(120, 40), (80, 24)] {
            let text = text(&app, width, height);
            assert!(text.contains(words), "{words} at {width}x{height}:\n{text}");
        }
    }
    put(&mut app, Place::Away, 0.0);
    assert!(text(&app, 40, 12).contains("work ‖ away"), "{}", text(&app, 40, 12));
}

#[test]
fn last_words_at_80x24() {
    let mut gone = flying(STAGING + 100, Palette::Dark);
    gone.update(Message::Gone { why: "it closed the session without saying how the run ended".into() });
    insta::assert_snapshot!("gone_80x24", painted(&gone, 80, 24));
    let mut ended = flying(STAGING + 586, Palette::Dark);
    ended.update(said(ToScreen::End { code: 6, words: "tripped: plate above 75 °C. SAFE CONFIRMED".into() }));
    insta::assert_snapshot!("ended_80x24", painted(&ended, 80, 24));
}

#[test]
fn what_matters_most_is_left_on_a_small_terminal() {
    let app = troubled();
    for (width, height) in [(40, 12), (40, 8), (30, 6), (80, 3)] {
        let text = text(&app, width, height);
        for needed in ["SUSPENDED", "lost the TEC", "a abort"] {
            assert!(text.contains(needed), "{needed} at {width}x{height}:\n{text}");
        }
    }
    assert!(text(&app, 40, 12).contains("SIMULATED"));
}

#[test]
fn mono_paints_no_colour() {
    let mut app = flying(STAGING + 100, Palette::Mono);
    press(&mut app, "f");
    let backend = painted(&app, 120, 40);
    assert!(backend.buffer().content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(painted(&flying(5, Palette::Light), 120, 40).buffer().content().iter().any(|cell| cell.fg != Color::Reset));
}

#[test]
fn text_from_elsewhere_cannot_move_the_cursor() {
    let mut app = fixture::app(false);
    app.update(said(ToScreen::Event(event(Severity::Alarm, "li\u{1b}nk", "\u{1b}[2Jgone\nsecond"))));
    let backend = painted(&app, 80, 24);
    assert!(backend.buffer().content().iter().all(|cell| !cell.symbol().contains(char::is_control)));
}

fn any_message() -> impl Strategy<Value = Message> {
    let number = prop_oneof![8 => -1e3..1e4_f64, 1 => proptest::num::f64::ANY];
    let row = (0..9000_u32, 0..RunState::ALL.len(), proptest::option::of(number.clone()), number.clone(), number).prop_map(
        |(tick, state, mission_s, plate, power)| {
            let mut row: Row = fixture::row(tick % 700);
            row.state = RunState::ALL[state];
            row.mission_s = mission_s;
            row.set(Column::RigPlateDegc, plate);
            row.set(Column::AccelPowerW, power);
            said(ToScreen::Row(Box::new(row)))
        },
    );
    let event = (0..Severity::ALL.len(), prop_oneof!["request", "link", "\\PC{0,9}"], prop_oneof!["ack", "\\PC{0,300}"])
        .prop_map(|(severity, kind, message)| said(ToScreen::Event(event(Severity::ALL[severity], &kind, &message))));
    let codes = prop_oneof![
        6 => prop::sample::select("ahskrqpf+-=? ynYN".chars().map(KeyCode::Char).collect::<Vec<_>>()),
        1 => prop::sample::select(vec![KeyCode::Esc, KeyCode::Enter, KeyCode::Tab, KeyCode::F(5)]),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    prop_oneof![
        12 => row,
        6 => event,
        2 => any::<u64>().prop_map(|n| said(ToScreen::Lost { n })),
        1 => (any::<u8>(), "\\PC{0,200}").prop_map(|(code, words)| said(ToScreen::End { code, words })),
        1 => "\\PC{0,200}".prop_map(|why| Message::Gone { why }),
        1 => Just(fixture::prediction()),
        1 => "\\PC{0,200}".prop_map(|why| Message::Unread { why }),
        16 => (codes, any::<bool>()).prop_map(|(code, ctrl)| Message::Key(Stroke { code, ctrl })),
        2 => any::<u32>().prop_map(|s| Message::Now(Duration::from_secs(u64::from(s)))),
    ]
}

fn any_hello() -> impl Strategy<Value = Hello> {
    let number = prop_oneof![4 => 0.0..1e5_f64, 1 => proptest::num::f64::ANY];
    let sunlight = proptest::collection::vec((number.clone(), -1.0..2.0_f64), 0..20);
    (number.clone(), number.clone(), number.clone(), number, sunlight, "\\PC{0,80}").prop_map(
        |(dt_s, duration_s, period_s, speed, sunlight, name)| {
            let mut hello = fixture::hello();
            let run = &mut hello.run;
            (run.dt_s, run.duration_s, run.period_s, run.speed, run.sunlight, run.name) =
                (dt_s, duration_s, period_s, speed, sunlight, name);
            hello
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, rng_seed: RngSeed::Fixed(650), ..ProptestConfig::default() })]

    #[test]
    fn no_size_message_or_key_brings_it_down(
        hello in any_hello(),
        read_only in any::<bool>(),
        messages in proptest::collection::vec((any_message(), 0..=220_u16, 0..=70_u16), 0..24),
    ) {
        let mut app = App::new(hello, &Options { read_only, linger: true, ..Options::default() }, Palette::Dark);
        for (message, width, height) in messages {
            app.update(message);
            painted(&app, width, height);
        }
    }

    #[test]
    fn leaving_never_asks_for_anything(messages in proptest::collection::vec(any_message(), 0..40), read_only in any::<bool>()) {
        let mut app = fixture::app(read_only);
        for message in messages {
            let key = matches!(&message, Message::Key(_));
            let outcome = app.update(message);
            prop_assert!(outcome.send.is_none() || (key && !read_only), "only a key of a screen that may asks");
        }
        for (code, ctrl) in [(KeyCode::Char('q'), false), (KeyCode::Char('c'), true)] {
            prop_assert_eq!(app.update(Message::Key(Stroke { code, ctrl })).send, None);
        }
        prop_assert!(app.update(Message::Key(Stroke { code: KeyCode::Char('c'), ctrl: true })).leave, "Ctrl-C leaves from anywhere");
    }
}
