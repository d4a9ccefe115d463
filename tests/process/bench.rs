//! Tools of the process tests: a scratch place with its own session sockets, processes whose every line is heard, screens without
//! a screen, and the emulator's log as times and words.

use jiff::Timestamp;
use record::session::{Hello, ToScreen, decode};
use record::{COMPARISON, Folder, RUN, Row};
use rustix::process::{Pid, Signal, kill_process};
use signal::RunState;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program under test.
pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_orbitbench");
/// Bench seconds a wall second in these tests: a tick is 16 ms, which a busy machine of two cores still keeps.
pub(super) const SPEED: &str = "60";
/// The default rig's lease, wall seconds.
pub(super) const LEASE_S: f64 = 3.0;
/// Whatever has not happened after this long is not going to.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the lines of one stream may come after the end of the other.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A scratch place: working folder, run folders and session sockets of one test.
pub(super) struct Bench {
    root: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().expect("a scratch folder");
        std::fs::create_dir(root.path().join("runtime")).expect("room");
        Self { root }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Where this bench's engines have their sockets.
    pub(super) fn sockets(&self) -> PathBuf {
        self.path("runtime").join("orbitbench")
    }

    /// Puts a file there, as a whole: whoever looks meanwhile sees what was there, or this, and no half of it.
    pub(super) fn write(&self, name: &str, text: &str) {
        let beside = self.path(&format!("{name}.{:?}.new", thread::current().id()));
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, self.path(name))).expect("room");
    }

    /// The program with these arguments, parted at spaces.
    pub(super) fn command(&self, arguments: &str) -> Command {
        self.dressed(Command::new(PROGRAM), arguments)
    }

    /// Any command, where and how this bench's processes run.
    pub(super) fn dressed(&self, mut command: Command, arguments: &str) -> Command {
        command.args(arguments.split_whitespace()).current_dir(self.root.path());
        // A folder for locks of its own: tests beside this one have the same double of a GPU.
        command.env("ORBITBENCH_LOCKS", self.root.path());
        command.env("XDG_RUNTIME_DIR", self.path("runtime")).env("USER", "anna").env_remove("NO_COLOR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(super) fn start(&self, arguments: &str) -> Process {
        Process::spawn(&mut self.command(arguments))
    }

    /// Runs to the end.
    pub(super) fn run(&self, arguments: &str) -> Ended {
        self.start(arguments).end()
    }

    /// A headless run whose session can be attached to, and its name.
    pub(super) fn fly(&self, more: &str) -> (Process, String) {
        self.fly_at(SPEED, more)
    }

    pub(super) fn fly_at(&self, speed: &str, more: &str) -> (Process, String) {
        let mut engine = self.start(&format!("run --headless --speed {speed} {more}"));
        let name = engine.hear("orbitbench attach ").split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned());
        (engine, name.expect("the name of the run"))
    }

    /// The emulated rig as its own process, ready; its links are in `folder`.
    pub(super) fn emulate(&self, folder: &str) -> Process {
        let mut emulator = self.start(&format!("rig emulate twin --folder {folder} --speed {SPEED}"));
        emulator.hear("\"ports\"");
        emulator
    }

    pub(super) fn attach(&self, run: &str) -> Screen {
        Screen::open(&self.socket(run))
    }

    /// The session socket of a run under way: its folder names it.
    pub(super) fn socket(&self, run: &str) -> PathBuf {
        let manifest: toml::Table = self.folder(run).text(RUN).expect("a manifest").parse().expect("TOML");
        PathBuf::from(manifest["session"]["socket"].as_str().expect("a path"))
    }

    /// Waits for the last thing that an engine without a screen does after it has said how the run ended.
    pub(super) fn compared(&self, run: &str) {
        let file = self.folder(run).file(COMPARISON);
        eventually("the comparison", || file.is_file().then_some(()));
    }

    /// The run folder of this name.
    pub(super) fn folder(&self, run: &str) -> Folder {
        Folder::open(&self.path("logs").join(run)).expect("a run folder")
    }
}

/// What runs with this on its command line.
pub(super) fn processes(named: &str) -> Vec<String> {
    let of = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let all = std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(of);
    all.map(|words| String::from_utf8_lossy(&words).replace('\0', " ")).filter(|line| line.contains(named)).collect()
}

/// What was said before the end, and the exit code.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None` if a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ended {
    /// Fails with everything that was said unless the exit code is this one.
    #[track_caller]
    pub(super) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    pub(super) fn line(&self, at: usize) -> &str {
        self.out.lines().nth(at).unwrap_or_default()
    }
}

enum Said {
    Out(String),
    Err(String),
    /// Standard output was closed: it ended, or is about to.
    Over,
}

/// A process under way. Killed when dropped.
pub(super) struct Process {
    child: Child,
    said: Receiver<Said>,
    out: String,
    err: String,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start {command:?}: {why}"));
        let (tell, said) = channel();
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let told = tell.clone();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = told.send(Said::Out(line));
            }
            let _ = told.send(Said::Over);
        });
        thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let _ = tell.send(Said::Err(line));
            }
        });
        Self { child, said, out: String::new(), err: String::new() }
    }

    fn take(&mut self, said: &Said) {
        let (kept, line) = match said {
            Said::Out(line) => (&mut self.out, line),
            Said::Err(line) => (&mut self.err, line),
            Said::Over => return,
        };
        kept.push_str(line);
        kept.push('\n');
    }

    /// The first line from now on, on either stream, that contains this.
    #[track_caller]
    pub(super) fn hear(&mut self, words: &str) -> String {
        let mut deadline = Instant::now() + PATIENCE;
        while let Ok(said) = self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.take(&said);
            match said {
                Said::Out(line) | Said::Err(line) if line.contains(words) => return line,
                Said::Out(_) | Said::Err(_) => {}
                // The other stream is read by another thread, and its last lines may still be on their way.
                Said::Over => deadline = deadline.min(Instant::now() + LAST_WORDS),
            }
        }
        panic!("never heard \"{words}\" in\n{}{}", self.out, self.err);
    }

    pub(super) fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("it is there");
    }

    /// SIGKILL, and gone.
    pub(super) fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Waits for the end by itself; whoever still says something is still at it.
    #[track_caller]
    pub(super) fn end(self) -> Ended {
        self.end_within(PATIENCE)
    }

    /// The same of what ends itself by budgets of its own, and may be silent for as long as those allow.
    #[track_caller]
    pub(super) fn end_within(mut self, silence: Duration) -> Ended {
        let mut deadline = Instant::now() + silence;
        let mut over = false;
        loop {
            // Whoever inherited standard error may hold it open for longer than the process lives.
            let wait = if over { LAST_WORDS / 2 } else { deadline.saturating_duration_since(Instant::now()) };
            match self.said.recv_timeout(wait) {
                Ok(Said::Over) => over = true,
                Ok(said) => {
                    self.take(&said);
                    deadline = Instant::now() + silence;
                }
                Err(RecvTimeoutError::Timeout) if !over => panic!("did not end:\n{}{}", self.out, self.err),
                Err(_) => break,
            }
        }
        let code = self.child.wait().expect("our child").code();
        Ended { code, out: std::mem::take(&mut self.out), err: std::mem::take(&mut self.err) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A viewer: no terminal, just the socket and JSON lines.
pub(super) struct Screen {
    lines: BufReader<UnixStream>,
    pub(super) hello: Hello,
}

impl Screen {
    pub(super) fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap_or_else(|why| panic!("cannot attach to {}: {why}", socket.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).expect("a greeting");
        let Ok(ToScreen::Hello(hello)) = decode(&line) else { panic!("no greeting: {line}") };
        Self { lines, hello: *hello }
    }

    /// The next message; `None` when the engine has closed the session.
    pub(super) fn next(&mut self) -> Option<ToScreen> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(decode(&line).expect("a message")),
            Err(why) if why.kind() == ErrorKind::ConnectionReset => None,
            Err(why) => panic!("nothing came: {why}"),
        }
    }

    /// The first from now on that will do.
    #[track_caller]
    fn find<T>(&mut self, what: &str, mut take: impl FnMut(&ToScreen) -> Option<T>) -> T {
        loop {
            match self.next() {
                Some(message) => {
                    if let Some(found) = take(&message) {
                        return found;
                    }
                    assert!(!matches!(message, ToScreen::End { .. }), "no {what} before {message:?}");
                }
                None => panic!("no {what} before the engine was gone"),
            }
        }
    }

    #[track_caller]
    pub(super) fn row(&mut self, what: &str, mut wanted: impl FnMut(&Row) -> bool) -> Row {
        self.find(what, |message| match message {
            ToScreen::Row(row) if wanted(row) => Some((**row).clone()),
            _ => None,
        })
    }

    /// Waits until this much of the mission is flown.
    #[track_caller]
    pub(super) fn flown(&mut self, mission_s: f64) -> Row {
        self.row("flight", |row| row.state == RunState::Running && row.mission_s.is_some_and(|s| s >= mission_s))
    }

    #[track_caller]
    pub(super) fn event(&mut self, kind: &str, words: &str) -> record::Event {
        let wanted = |message: &ToScreen| match message {
            ToScreen::Event(event) if event.kind == kind && event.message.contains(words) => Some(event.clone()),
            _ => None,
        };
        self.find(&format!("event {kind}: {words}"), wanted)
    }

    /// How the run ended: exit code and words.
    #[track_caller]
    pub(super) fn end(&mut self) -> (u8, String) {
        self.find("end", |message| match message {
            ToScreen::End { code, words } => Some((*code, words.clone())),
            _ => None,
        })
    }
}

/// Longest silence of `tests/gpu/check.sh`, which speaks after each of its parts and ends each by its budget.
pub(super) const SCRIPT: Duration = Duration::from_secs(1800);

/// Gives the parts of that script all the time there is: they are sized for a card, and a double on a busy machine takes many times as long.
pub(super) fn unhurried(command: &mut Command) {
    let all = SCRIPT.as_secs().to_string();
    for name in ["TOTAL", "CHECK", "TRAIN", "FP8", "KERNELS", "INFO"] {
        command.env(format!("ORBITBENCH_GPU_{name}_S"), &all);
    }
}

/// Looks until there is something: for what tells nobody that it happened.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The states that a run went through, but for the moments for which a busy machine suspends it.
pub(super) fn states(rows: &[Row]) -> Vec<RunState> {
    let mut states: Vec<RunState> = rows.iter().map(|row| row.state).filter(|state| *state != RunState::Suspended).collect();
    states.dedup();
    states
}

/// When the emulator's log says this for the first time.
pub(super) fn logged(log: &Path, words: &str) -> Option<Timestamp> {
    let mut text = String::new();
    std::fs::File::open(log).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
    // The line being written just now is no line yet.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let line = whole.lines().find(|line| line.contains(words))?;
    Some(line.split_whitespace().next()?.parse().expect("a time stamp"))
}
