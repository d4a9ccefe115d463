//! How long it takes to log a day at 1 Hz with every column: `cargo run --release -p orbitbench-record --example writer_speed`.
//! A figure for people, not a test: no assertion hangs on it.

use record::{Column, Columns, Handover, Row, Samples};
use signal::{Channel, Origin, Reading, RunState};
use std::path::Path;
use std::time::{Duration, Instant};

const ROWS: u64 = 86_400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<Row> = (0..64).map(row).collect();
    let columns = Columns::all();
    let dir = std::env::temp_dir().join(format!("orbitbench-writer-speed-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    println!("{ROWS} rows of {} fields into {}", columns.header().len(), dir.display());
    let report = |what: &str, took: Duration| println!("{what:<28} {:.3} s", took.as_secs_f64());
    report("formatted, kept nowhere", log(Samples::null(columns.clone())?, &rows)?);
    for (name, handover) in [("in blocks", Handover::Blocks), ("each row handed over", Handover::EachRow)] {
        let path = dir.join(Path::new(name).with_extension("csv"));
        report(name, log(Samples::create(&path, columns.clone(), handover)?, &rows)?);
        let began = Instant::now();
        let read = record::read_rows(&path)?;
        report("  and read back", began.elapsed());
        if read.rows.len() as u64 != ROWS {
            return Err("rows were lost".into());
        }
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn log(mut samples: Samples, rows: &[Row]) -> Result<Duration, record::Error> {
    let began = Instant::now();
    for (tick, row) in (0..ROWS).zip(rows.iter().cycle()) {
        let mut row = row.clone();
        row.tick = tick;
        row.bench_s = tick as f64;
        samples.write(&row)?;
    }
    drop(samples);
    Ok(began.elapsed())
}

/// A row with every cell filled by a number of plausible length.
fn row(seed: u64) -> Row {
    let mut row = Row::new(0, seed, seed as f64, RunState::Running);
    row.utc = "2026-06-21T00:00:00.25Z".parse().ok();
    row.elapsed_s = Some(seed as f64 / 60.0);
    row.mission_s = Some(seed as f64 - 900.0);
    row.heat_origin = Some(Origin::Simulated);
    for (at, &column) in Column::ALL.iter().enumerate() {
        let value = (seed as f64 + 0.37).mul_add(1.618, at as f64 * 7.331) % 400.0 - 40.0;
        row.set(column, value);
    }
    for &channel in Channel::ALL {
        let value = Column::for_channel(channel).and_then(|c| row.get(c)).unwrap_or_default();
        row.set_reading(channel, &Reading::good(value, seed as f64, Origin::Simulated));
    }
    row
}
