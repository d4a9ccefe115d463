//! What devices that speak in lines have in common on their side of the wire: bytes in, lines out.

/// Longest line that a device takes; what is longer is noise.
const LONGEST: usize = 256;

/// Collects bytes until a line ends.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    /// The lines that are complete with these bytes. Carriage return or line feed ends one, and empty ones are none.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\r' || byte == b'\n' {
                let line: String = self.buffer.drain(..).map(char::from).collect();
                if !line.trim().is_empty() {
                    lines.push(line.trim().to_owned());
                }
            } else if self.buffer.len() < LONGEST {
                self.buffer.push(byte);
            }
        }
        lines
    }
}

/// The number after the first space or at the end of a line.
pub(super) fn argument(line: &str) -> Option<f64> {
    line.rsplit([' ', '\t']).next()?.parse().ok().filter(|n: &f64| n.is_finite())
}
