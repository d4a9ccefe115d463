//! No bytes panic the reader of dialect files, and no line that comes panics a dialect or is a number that is none.
use rig::dialect::{Dialect, builtin, number};
use std::sync::OnceLock;

fn shipped() -> &'static [Dialect] {
    static SHIPPED: OnceLock<Vec<Dialect>> = OnceLock::new();
    SHIPPED.get_or_init(|| builtin().iter().map(|(name, text)| Dialect::parse(name, text).expect("it ships")).collect())
}

/// One input, whatever it is: the first line is one that came, the whole is a file.
pub(crate) fn check(bytes: &[u8]) {
    // A byte is the character of its number, as on the wire.
    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
    let line = text.lines().next().unwrap_or_default();
    for dialect in shipped() {
        let _ = dialect.identify.find(line, None);
        let words = dialect.reads.iter().filter_map(|(_, ask)| ask.reply.word(line));
        for word in words {
            assert!(number(&word).is_none_or(f64::is_finite), "{word:?}");
        }
        if let Some(output) = &dialect.output {
            let _ = output.back.reply.word(line).map(|word| output.says(&word));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Dialect::parse("fuzz.toml", text);
    }
}
