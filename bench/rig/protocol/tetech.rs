//! TE Technology's controllers TC-36-25, TC-48-20 and TC-720: hexadecimal ASCII between `*` and a carriage return, replies between
//! `*` and `^`, each with the sum of the characters between, modulo 256, in two lowercase digits.
//!
//! What a code means differs by model, and what a number means by firmware: code tables are here, scales are the caller's.
//! Facts from the maker's manuals (`codes`), willdickson/tc3625 `tc3625_serial.py`, linnarsson-lab/Py_TC-720 `Py_TC720.py` and
//! ImperialCollegeLondon/FINESSE `tc4820.py`.
//!
//! **A reply does not say which question it answers**: whoever asks must let the line fall silent before asking
//! again, and read back what matters. To a damaged request a device answers with `X` for every digit.

mod codes;
mod frame;

pub use codes::{Alarm, Codes};
pub use frame::{Answer, Decoder, Heard, Model, Query, QueryError, Reply};

#[cfg(test)]
mod tests;
