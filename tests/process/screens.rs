//! Screens: any number of them, of any manners, and real ones on terminals. Nothing that happens to a screen happens to the run.

use super::bench::{Bench, PROGRAM, SPEED};
use record::session::{ToScreen, VERSION};
use record::{SAMPLES, read_rows};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Viewers that come, go, talk nonsense or never read: each sees what it looks at, and the flight is whole.
#[test]
fn viewers_come_and_go() {
    let bench = Bench::new();
    let (engine, name) = bench.fly("--duration 90s");
    let socket = bench.socket(&name);
    let deaf: Vec<UnixStream> = (0..3).map(|_| UnixStream::connect(&socket).expect("an engine")).collect();
    let mut first = bench.attach(&name);
    first.flown(5.0);
    drop(first);
    let mut rude = UnixStream::connect(&socket).expect("an engine");
    rude.write_all(b"GET / HTTP/1.1\r\n{\"request\":{\"who\":\"x\",\"what\":\"explode\"}}\n\xff\xfe\n").expect("heard");
    drop(rude);

    let mut late = bench.attach(&name);
    let hello = late.hello.clone();
    assert_eq!((hello.version, hello.run.name.as_str(), hello.run.simulated), (VERSION, name.as_str(), true));
    assert!(hello.rows > 0);
    let mut next = hello.last.as_ref().map_or(0, |row| row.tick + 1);
    assert_eq!(hello.rows, next, "as many as there were ticks");
    let mut seen = Vec::new();
    let end = loop {
        match late.next() {
            Some(ToScreen::Row(row)) => {
                assert_eq!(row.tick, next, "none is left out, none is said twice");
                next += 1;
                seen.push(*row);
            }
            Some(ToScreen::End { code, words }) => break (code, words),
            Some(_) => {}
            None => panic!("it left without a word"),
        }
    };
    assert_eq!(end, (0, "done. SAFE CONFIRMED".to_owned()));
    assert_eq!(late.next(), None, "and then it leaves");
    engine.end().with(0);

    let folder = bench.folder(&name);
    let samples = read_rows(&folder.file(SAMPLES)).expect("samples");
    let header = folder.text(SAMPLES).expect("samples").lines().next().expect("a header").to_owned();
    assert_eq!(hello.columns.join(","), header);
    let written = &samples.rows[samples.rows.len() - seen.len()..];
    assert_eq!(written, seen, "a screen shows what is in the file");
    drop(deaf);
}

/// Sessions are their owner's: a folder for them that others can use, or made first, is refused before anything is switched on.
#[test]
fn sessions_are_nobody_elses() {
    let bench = Bench::new();
    std::fs::create_dir(bench.sockets()).expect("room");
    let open_to = |mode| std::fs::set_permissions(bench.sockets(), std::fs::Permissions::from_mode(mode)).expect("ours");
    open_to(0o755);
    let refused = bench.start("run --headless --duration 60s").end();
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.err.contains("not a folder that only you can use") && !refused.err.contains("look at it"), "{}", refused.err);

    open_to(0o700);
    let (engine, name) = bench.fly("--duration 2h");
    let mode = std::fs::symlink_metadata(bench.socket(&name)).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    bench.run("stop").with(0);
    engine.end().with(0);
}

/// A program on a terminal of its own.
struct Terminal {
    child: Child,
    master: File,
    said: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn open(bench: &Bench, arguments: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        let slave = || Stdio::from(ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("its other end"));
        let mut command = bench.dressed(Command::new(PROGRAM), arguments);
        let child = command.env("TERM", "xterm-256color").stdin(slave()).stdout(slave()).stderr(slave()).spawn().expect("a screen");
        // The last of our handles on the other end: from here on it is the child's.
        drop(command);
        let master = File::from(master);
        let mut reading = master.try_clone().expect("a second handle");
        let (tell, said) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reading.read(&mut buffer) {
                if tell.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, master, said, text: String::new() }
    }

    #[track_caller]
    fn hear(&mut self, words: &str) {
        while !self.text.contains(words) {
            match self.said.recv_timeout(Duration::from_secs(60)) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(why) => panic!("{why}: no \"{words}\" in {:?}", self.text),
            }
        }
    }

    /// A key, and then whatever it brings.
    fn press(&mut self, key: &str) {
        self.text.clear();
        self.master.write_all(key.as_bytes()).expect("a key");
    }

    /// Its end, exit code 0 or none.
    fn end(mut self) -> Option<i32> {
        let code = self.child.wait().expect("our child").code();
        // What it said last of all.
        self.text.extend(self.said.try_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        code
    }
}

const ALTERNATE: &str = "\x1b[?1049h";

/// `run` on a terminal opens a screen; leaving it, killing it and closing its window cost the run nothing; stopping takes a key
/// and a yes.
#[test]
fn screens_are_left_killed_and_opened_again() {
    let bench = Bench::new();
    let mut screen = Terminal::open(&bench, &format!("run --duration 2h --speed {SPEED}"));
    screen.hear(ALTERNATE);
    screen.press("q");
    screen.hear("the run goes on; come back with: orbitbench attach ");
    let name = screen.text.split("orbitbench attach ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a name").to_owned();
    assert_eq!(screen.end(), Some(0));

    let mut watcher = bench.attach(&name);
    watcher.flown(1.0);
    let mut killed = Terminal::open(&bench, "attach");
    killed.hear(ALTERNATE);
    killed.child.kill().expect("it is there");
    assert_eq!(killed.end(), None);
    let before = watcher.flown(2.0);
    watcher.row("the run to go on", |row| row.tick > before.tick + 30);

    let mut last = Terminal::open(&bench, "attach");
    last.hear(ALTERNATE);
    last.press("s");
    last.hear("Stop this run?");
    last.press("y");
    last.hear("the run has ended: stopped. SAFE CONFIRMED");
    assert_eq!(last.end(), Some(0));
    assert_eq!(watcher.end(), (0, "stopped. SAFE CONFIRMED".to_owned()));
    bench.run("verify").with(0);
    bench.compared(&name);
}
