//! The session socket: rows and events out to any number of screens, requests in. Also turns signals into requests.
//!
//! Screens are lossy and never slow the engine: each has a bounded queue and is told how much it missed. The socket belongs to
//! the user who started the run and to nobody else.

use record::session::{FromScreen, Hello, ToScreen, decode, encode};
use record::{APART, Event, Row};
use signal::{Request, Severity};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, oneshot};

/// Messages kept for a screen that does not read.
const QUEUE: usize = 4096;
/// How long screens may take to read the end of the run.
const FAREWELL: Duration = Duration::from_millis(500);

/// The engine's end of the session.
pub(crate) struct Session {
    path: PathBuf,
    out: broadcast::Sender<Arc<ToScreen>>,
    hello: Arc<Mutex<Hello>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where requests go: who asked, what for.
pub(crate) type Requests = crossbeam_channel::Sender<(String, Request)>;

/// Folder of session sockets: owner-only, gone at logout where the system has such a place.
pub fn folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() => PathBuf::from(dir).join("orbitbench"),
        _ => std::env::temp_dir().join(format!("orbitbench-{}", rustix::process::getuid().as_raw())),
    }
}

/// Makes [`folder`] if need be, and refuses one that is not ours alone: in a shared place somebody else may have made it first.
pub fn make_folder() -> std::io::Result<PathBuf> {
    let folder = folder();
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => return Err(why),
        _ => {}
    }
    let found = std::fs::symlink_metadata(&folder)?;
    let ours = found.is_dir() && found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o777 == 0o700;
    if ours {
        return Ok(folder);
    }
    let why = format!("{} is not a folder that only you can use: move it away or set XDG_RUNTIME_DIR", folder.display());
    Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why))
}

/// The socket of the run of this name. Short, for a socket's path may have about a hundred bytes: the time and the random part of
/// the name tell runs apart.
pub fn path_of(run: &str) -> PathBuf {
    folder().join(format!("{}.sock", short(run)))
}

/// Time and random part of a run's name.
pub(super) fn short(run: &str) -> String {
    match (run.split_once('_'), run.rsplit_once('_')) {
        (Some((time, _)), Some((_, random))) => format!("{time}_{random}"),
        _ => run.to_owned(),
    }
}

impl Session {
    /// Opens the socket at `path` and serves it, and the signals, on a thread of its own.
    pub(crate) fn open(path: PathBuf, hello: Hello, requests: Requests) -> std::io::Result<Self> {
        make_folder()?;
        let _ = std::fs::remove_file(&path);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (listener, signals) = {
            let _inside = runtime.enter();
            // Before anything can be switched on: a signal must not kill an engine that has not begun to listen to them.
            (UnixListener::bind(&path)?, Signals::listen()?)
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (out, _) = broadcast::channel(QUEUE);
        let hello = Arc::new(Mutex::new(hello));
        let (stop, stopped) = oneshot::channel();
        let serving = Serving { out: out.clone(), hello: Arc::clone(&hello), requests };
        let thread = std::thread::Builder::new()
            .name("session".into())
            .spawn(move || runtime.block_on(serving.serve(listener, signals, stopped)))?;
        Ok(Self { path, out, hello, stop: Some(stop), thread: Some(thread) })
    }

    /// Shows a row to whoever looks.
    pub(crate) fn row(&self, row: Row) {
        {
            let mut hello = self.hello.lock().unwrap_or_else(PoisonError::into_inner);
            hello.rows += 1;
            hello.last = Some(row.clone());
        }
        // No receiver is no error: nobody looks.
        let _ = self.out.send(Arc::new(ToScreen::Row(Box::new(row))));
    }

    /// Shows an event to whoever looks; alarms are kept for those who come later.
    pub(crate) fn event(&self, event: Event) {
        {
            let mut hello = self.hello.lock().unwrap_or_else(PoisonError::into_inner);
            // What keeps a figure from being told is not over when it was acknowledged.
            if event.severity >= Severity::Alarm || event.kind == APART {
                hello.latched.push(event.clone());
            } else if event.kind == "request" && event.message == Request::Ack.word() {
                hello.latched.retain(|latched| latched.kind == APART);
            }
        }
        let _ = self.out.send(Arc::new(ToScreen::Event(event)));
    }

    /// Says good-bye and closes.
    pub(crate) fn close(mut self, code: u8, words: &str) {
        let _ = self.out.send(Arc::new(ToScreen::End { code, words: words.to_owned() }));
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Session {
    /// Also where a run could not be begun: a socket that nobody serves would only be in the way.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The signals that are requests.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let [interrupt, terminate, hangup] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, hangup: hangup? })
    }
}

struct Serving {
    out: broadcast::Sender<Arc<ToScreen>>,
    hello: Arc<Mutex<Hello>>,
    requests: Requests,
}

impl Serving {
    async fn serve(self, listener: UnixListener, mut signals: Signals, mut stopped: oneshot::Receiver<()>) {
        let mut heard = 0_u32;
        let mut screens = tokio::task::JoinSet::new();
        loop {
            let name = tokio::select! {
                _ = &mut stopped => break,
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        let feed = self.out.subscribe();
                        let hello = self.hello.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        screens.spawn(screen(stream, feed, hello, self.requests.clone()));
                    }
                    continue;
                }
                _ = signals.interrupt.recv() => "SIGINT",
                _ = signals.terminate.recv() => "SIGTERM",
                _ = signals.hangup.recv() => "SIGHUP",
            };
            heard += 1;
            // Once is a wish, twice is a need.
            let what = if heard == 1 { Request::Stop } else { Request::Halt };
            let _ = self.requests.send((name.to_owned(), what));
        }
        let _ = tokio::time::timeout(FAREWELL, async { while screens.join_next().await.is_some() {} }).await;
    }
}

async fn screen(stream: UnixStream, mut feed: broadcast::Receiver<Arc<ToScreen>>, hello: Hello, requests: Requests) {
    let shown = hello.last.as_ref().map(|row| row.tick);
    let (reading, mut writing) = stream.into_split();
    if writing.write_all(encode(&ToScreen::Hello(Box::new(hello))).as_bytes()).await.is_err() {
        return;
    }
    let mut lines = BufReader::new(reading).lines();
    loop {
        let message = tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => {
                    if let Ok(FromScreen::Request { who, what }) = decode(&line) {
                        let _ = requests.send((who, what));
                    }
                    continue;
                }
                Ok(None) | Err(_) => return,
            },
            message = feed.recv() => message,
        };
        let text = match message {
            // Rows that were in the hello already are not said twice.
            Ok(message) if matches!(&*message, ToScreen::Row(row) if shown.is_some_and(|t| row.tick <= t)) => continue,
            Ok(message) => encode(&*message),
            Err(broadcast::error::RecvError::Lagged(n)) => encode(&ToScreen::Lost { n }),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let over = text.starts_with("{\"end\"");
        if writing.write_all(text.as_bytes()).await.is_err() || over {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
