//! A server that is ours: a shell command, its last words, its end.
//!
//! It stays in our process group, so that whoever ends that ends it too; see `guard`.

use crate::command::line::read_line;
use std::collections::VecDeque;
use std::io::{self, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Lines kept of what it said on its standard error.
const LAST_WORDS: usize = 8;

#[derive(Debug)]
pub(super) struct Running {
    command: String,
    child: Child,
    last_words: Arc<Mutex<VecDeque<String>>>,
}

impl Running {
    pub(super) fn start(command: &str) -> io::Result<Self> {
        // A shell that is asked to become the command can be ended as the command.
        let mut child =
            Command::new("/bin/sh").args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take();
        // From here on the drop of this ends the child.
        let running = Self { command: command.to_owned(), child, last_words: Arc::default() };
        let last_words = Arc::clone(&running.last_words);
        if let Some(stderr) = stderr {
            thread::Builder::new().name("work-server-err".into()).spawn(move || {
                let mut input = BufReader::new(stderr);
                while let Ok(Some(line)) = read_line(&mut input) {
                    let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
                    if words.len() == LAST_WORDS {
                        words.pop_front();
                    }
                    words.push_back(line);
                }
            })?;
        }
        Ok(running)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = if words.is_empty() { String::new() } else { format!("; its last words: {}", words.join(" | ")) };
        Some(format!("`{}` ended with {status}{said}", self.command))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It fails if it has ended, which is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
