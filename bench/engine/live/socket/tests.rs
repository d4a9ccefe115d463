//! The session without a run: what a screen gets that does not read, and who may open the socket.

use super::*;
use record::Columns;
use record::session::{RunCard, VERSION};
use signal::RunState;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

fn hello() -> Hello {
    let run = RunCard {
        name: "a run".into(),
        folder: "/nowhere".into(),
        profile: "a profile".into(),
        rig: "a rig".into(),
        accelerator: "a card".into(),
        workload: "some work".into(),
        unit: "token".into(),
        simulated: true,
        dt_s: 1.0,
        duration_s: 60.0,
        period_s: 5400.0,
        speed: 1.0,
        full_w: 72.0,
        servoed: "rig_plate_degc".into(),
        energy_source: signal::Source::Accelerator,
        bounds: Vec::new(),
        sunlight: Vec::new(),
    };
    Hello { version: VERSION, run, columns: Columns::all().header(), rows: 0, last: None, latched: Vec::new() }
}

struct Place {
    session: Session,
    requests: crossbeam_channel::Receiver<(String, Request)>,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

fn place() -> Place {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("run.sock");
    let (ask, requests) = crossbeam_channel::unbounded();
    let session = Session::open(path.clone(), hello(), ask).expect("a socket");
    Place { session, requests, path, _dir: dir }
}

fn attach(path: &Path) -> impl Iterator<Item = ToScreen> + use<> {
    let stream = UnixStream::connect(path).expect("a session");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    BufReader::new(stream).lines().map_while(Result::ok).map(|line| decode(&line).expect("a message"))
}

fn row(tick: u64) -> Row {
    Row::new(0, tick, tick as f64, RunState::Running)
}

/// Rows beyond the queue are left out, counted, and followed by the newest; whoever sends them never waits.
#[test]
fn a_screen_that_does_not_read_is_told_what_it_missed() {
    let place = place();
    let mut screen = attach(&place.path);
    assert!(matches!(screen.next(), Some(ToScreen::Hello(_))));
    // The kernel holds some, the queue holds more, and this is several times both.
    let sent = 6 * QUEUE as u64;
    for tick in 0..sent {
        place.session.row(row(tick));
    }
    let (mut shown, mut lost, mut newest) = (0, 0, 0);
    for message in screen.by_ref() {
        match message {
            ToScreen::Row(row) => (shown, newest) = (shown + 1, row.tick),
            ToScreen::Lost { n } => lost += n,
            other => panic!("{other:?}"),
        }
        if newest == sent - 1 {
            break;
        }
    }
    assert!(lost > 0, "{shown} shown, none lost");
    assert_eq!(shown + lost, sent, "every row is shown or counted");
    place.session.close(0, "done");
    assert!(matches!(screen.next(), Some(ToScreen::End { code: 0, .. })));
    assert_eq!(screen.next(), None);
}

/// The socket is the user's own, requests come with a name, and nothing is left when the session ends.
#[test]
fn the_socket_is_its_owners() {
    let place = place();
    assert_eq!(std::fs::metadata(&place.path).expect("there").permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&place.path).expect("a session");
    let asked = FromScreen::Request { who: "ada".into(), what: Request::Hold };
    stream.write_all(encode(&asked).as_bytes()).expect("heard");
    let heard = place.requests.recv_timeout(Duration::from_secs(60));
    assert_eq!(heard, Ok(("ada".to_owned(), Request::Hold)));
    drop(place.session);
    assert!(!place.path.exists());
}
