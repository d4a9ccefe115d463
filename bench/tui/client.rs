//! The screen's end of the session: a socket, a thread that turns its lines into messages, and another that reads what the run
//! folder already holds. No terminal here, and nothing is decided.

use crate::Error;
use crate::app::Message;
use crate::past::{Past, Prediction};
use crossbeam_channel::{Receiver, Sender, bounded};
use record::session::{self, FromScreen, Hello, ToScreen};
use signal::Request;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// An engine answers at once; one that does not is hung or no engine.
const PATIENCE: Duration = Duration::from_secs(5);
/// No message is longer; the longest is a greeting with a day of sunlight.
const LONGEST: u64 = 64 << 20;
/// Messages that may wait for the screen. Beyond that the engine's own queue fills, and it counts what it leaves out.
const WAITING: usize = 256;

/// A session with an engine.
pub(crate) struct Client {
    stream: UnixStream,
    who: String,
    messages: Receiver<Message>,
}

/// The next line, or `None` at the end.
fn next_line(reader: &mut BufReader<UnixStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Who is at this screen, for the event log.
fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "someone".to_owned());
    match std::fs::read_link("/proc/self/fd/0") {
        Ok(tty) if tty.starts_with("/dev") => format!("{user} on {}", tty.strip_prefix("/dev").unwrap_or(&tty).display()),
        _ => user,
    }
}

impl Client {
    /// Opens a session and hears the engine's greeting.
    pub(crate) fn connect(path: &Path) -> Result<(Self, Hello), Error> {
        let refused = |source| Error::Connect { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).map_err(refused)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(refused)?;
        stream.set_write_timeout(Some(Duration::from_secs(1))).map_err(refused)?;
        let mut reader = BufReader::new(stream.try_clone().map_err(refused)?);
        let line = next_line(&mut reader).map_err(refused)?.ok_or_else(|| Error::NoGreeting { path: path.to_owned() })?;
        let hello = greeting(path, &line)?;
        stream.set_read_timeout(None).map_err(refused)?;

        let (tx, messages) = bounded(WAITING);
        let folder = PathBuf::from(&hello.run.folder);
        let (rows, dt_s, board, past) = (hello.rows, hello.run.dt_s, hello.run.board_power(), tx.clone());
        thread::Builder::new()
            .name("screen-past".into())
            .spawn(move || read_folder(&folder, rows, (dt_s, board), &past))
            .map_err(refused)?;
        thread::Builder::new().name("screen-session".into()).spawn(move || listen(reader, &tx)).map_err(refused)?;
        Ok((Self { stream, who: who(), messages }, *hello))
    }

    /// What the engine and the run folder say.
    pub(crate) const fn messages(&self) -> &Receiver<Message> {
        &self.messages
    }

    /// Asks the engine for something.
    pub(crate) fn request(&mut self, what: Request) -> io::Result<()> {
        self.stream.write_all(session::encode(&FromScreen::Request { who: self.who.clone(), what }).as_bytes())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Wakes the listening thread. If the engine closed first there is nothing left to shut down.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The greeting, if it is one of our version.
fn greeting(path: &Path, line: &str) -> Result<Box<Hello>, Error> {
    match session::version_of(line) {
        None => Err(Error::NoGreeting { path: path.to_owned() }),
        Some(theirs) if theirs != session::VERSION => Err(Error::Version { theirs, ours: session::VERSION }),
        Some(_) => match session::decode(line)? {
            ToScreen::Hello(hello) => Ok(hello),
            _ => Err(Error::NoGreeting { path: path.to_owned() }),
        },
    }
}

/// Passes on what the engine says until it stops. A screen that has left is no reason to complain.
fn listen(mut reader: BufReader<UnixStream>, screen: &Sender<Message>) {
    let why = loop {
        let line = match next_line(&mut reader) {
            Ok(Some(line)) => line,
            Ok(None) => break "it closed the session without saying how the run ended".to_owned(),
            Err(broken) => break format!("the session broke: {broken}"),
        };
        match session::decode::<ToScreen>(&line) {
            Ok(said) => {
                let over = matches!(said, ToScreen::End { .. });
                if screen.send(Message::Engine(Box::new(said))).is_err() || over {
                    return;
                }
            }
            Err(strange) => break strange.to_string(),
        }
    };
    let _ = screen.send(Message::Gone { why });
}

/// Reads prediction and past rows, each a convenience. A run that has just begun has no rows yet and misses nothing.
fn read_folder(folder: &Path, rows: u64, (dt_s, board): (f64, record::Column), screen: &Sender<Message>) {
    let prediction = match Prediction::read(folder) {
        Ok(prediction) => Message::Prediction(Box::new(prediction)),
        Err(why) => Message::Unread { why: format!("no prediction to show: {why}") },
    };
    if screen.send(prediction).is_err() || rows == 0 {
        return;
    }
    let _ = screen.send(match Past::read(folder, rows, dt_s, board) {
        Ok(past) => Message::Past(Box::new(past)),
        Err(why) => Message::Unread { why: format!("earlier rows are not shown: {why}") },
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use std::os::unix::net::UnixListener;

    /// An engine that says `lines`, then reports what it is asked until the screen leaves.
    fn engine(lines: Vec<String>) -> (tempfile::TempDir, PathBuf, thread::JoinHandle<Vec<String>>) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("run.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a screen");
            stream.write_all(lines.concat().as_bytes()).expect("the screen reads");
            BufReader::new(stream).lines().map_while(Result::ok).collect()
        });
        (dir, path, served)
    }

    fn hello() -> Hello {
        let mut hello = fixture::hello();
        hello.run.folder = "/nowhere".to_owned();
        hello.rows = 5;
        hello
    }

    #[test]
    fn a_session_hears_and_asks() {
        let row = fixture::row(3);
        let said = [ToScreen::Hello(Box::new(hello())), ToScreen::Row(Box::new(row.clone())), ToScreen::Lost { n: 2 }];
        let (_dir, path, served) = engine(said.iter().map(session::encode).collect());
        let (mut client, greeting) = Client::connect(&path).expect("an engine");
        assert_eq!(greeting, hello());
        let (mut heard, mut unread) = (Vec::new(), 0);
        while heard.len() < 2 || unread < 2 {
            match client.messages().recv_timeout(PATIENCE).expect("more to come") {
                Message::Engine(said) => heard.push(*said),
                Message::Unread { .. } => unread += 1,
                other => panic!("unexpected {other:?}"),
            }
        }
        assert_eq!(heard, [ToScreen::Row(Box::new(row)), ToScreen::Lost { n: 2 }]);
        client.request(Request::Hold).expect("sent");
        drop(client);
        let asked = served.join().expect("no panic");
        assert_eq!(asked.len(), 1);
        assert!(asked[0].contains("\"what\":\"hold\""), "{}", asked[0]);
    }

    #[test]
    fn strangers_and_other_versions_are_named() {
        let cases = [
            ("{\"hello\":{\"version\":99,\"new\":true}}\n".to_owned(), "version 99"),
            ("SSH-2.0\n".to_owned(), "no greeting"),
            (session::encode(&ToScreen::Lost { n: 1 }), "no greeting"),
            (String::from("{\"hello\":{\"version\":"), "no greeting"),
        ];
        for (line, expected) in cases {
            let dir = tempfile::tempdir().expect("a temp folder");
            let path = dir.path().join("run.sock");
            let listener = UnixListener::bind(&path).expect("a socket");
            let served = thread::spawn(move || listener.accept().and_then(|(mut s, _)| s.write_all(line.as_bytes())));
            let refused = Client::connect(&path).err().expect("refused").to_string();
            assert!(refused.contains(expected), "{refused}");
            served.join().expect("no panic").expect("said");
        }
        let absent = Client::connect(Path::new("/nowhere/at.sock")).err().expect("nobody there").to_string();
        assert!(absent.contains("/nowhere/at.sock") && absent.contains("orbitbench"), "{absent}");
    }

    #[test]
    fn an_engine_that_vanishes_or_babbles_is_gone() {
        for (last, expected) in [("{\"row\":\"0,1", "closed the session"), ("{\"surprise\":1}\n", "cannot understand")] {
            let dir = tempfile::tempdir().expect("a temp folder");
            let path = dir.path().join("run.sock");
            let listener = UnixListener::bind(&path).expect("a socket");
            let lines = session::encode(&ToScreen::Hello(Box::new(hello()))) + last;
            let served = thread::spawn(move || listener.accept().and_then(|(mut s, _)| s.write_all(lines.as_bytes())));
            let (client, _) = Client::connect(&path).expect("an engine");
            served.join().expect("no panic").expect("said");
            let why = client.messages().iter().find_map(|m| if let Message::Gone { why } = m { Some(why) } else { None });
            assert!(why.as_ref().is_some_and(|w| w.contains(expected)), "{why:?}");
        }
    }
}
