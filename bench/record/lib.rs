//! The run folder: what is written, in which columns, and how it is sealed, read back and checked. Also the words of the
//! session between an engine and its screens, which carry the same rows.
//!
//! Not here: when to write (the engine), what to conclude (`report`), sockets, clocks.

mod columns;
mod derived;
mod error;
mod events;
mod folder;
mod format;
mod reader;
mod repair;
mod row;
mod seal;
pub mod session;
mod sheet;
mod writer;

pub use columns::{Class, Column, Columns, LEAD, markdown};
pub use derived::{Cells, write_derived};
pub use error::Error;
pub use events::{APART, EVENT_COLUMNS, Event};
pub use folder::{
    BAND, CHECKPOINTS, COMPARISON, EVENTS, Folder, MAP, POINTS, PREDICTION, RESERVE, RUN, SAMPLES, SUMMARY, SUMS, TABLE, replace_file,
    sha256, sha256_file,
};
pub use reader::{Rows, Table, Torn, each_row, read_events, read_rows};
pub use repair::{Mended, mend};
pub use row::{Layout, Row, RowError};
pub use seal::{SEALED, SEALED_MAP, Verdict, seal, verify};
pub use sheet::{Sheet, SheetWriter};
pub use writer::{Events, Handover, Samples};
