use super::*;
use signal::{Channel, Limit, Origin, Reading};

/// Three ticks of staging, then eleven of mission at 70 W and 100 units/s, the last five in umbra.
fn rows() -> Vec<Row> {
    (0..14_u64)
        .map(|tick| {
            let state = if tick < 3 { RunState::Staging } else { RunState::Running };
            let mut row = Row::new(0, tick, tick as f64, state);
            row.mission_s = (tick >= 3).then(|| (tick - 3) as f64);
            row.set(Column::EnvIlluminationFrac, if tick < 9 { 1.0 } else { 0.0 });
            row.set(Column::WorkUnits, row.mission_s.unwrap_or(0.0) * 100.0);
            row.set(Column::WorkUnitsPerS, 100.0);
            row.set(Column::WorkInputUnits, row.mission_s.unwrap_or(0.0) * 40.0);
            row.set(Column::AccelIntegralJ, tick as f64 * 70.0);
            row.set_reading(Channel::BoardEnergy, &Reading::good(5e6 + tick as f64 * 70.7, tick as f64, Origin::Simulated));
            row.set_reading(Channel::Plate, &Reading::good(30.0 + tick as f64 / 10.0, tick as f64, Origin::Simulated));
            row.set(Column::RigSetpointDegc, 30.5);
            row.set(Column::RigTecW, 20.0);
            row
        })
        .collect()
}

fn figures(rows: &[Row]) -> (Figures, Completeness) {
    let mut merit = Merit::new(1.0);
    for row in rows {
        merit.push(row);
    }
    (merit.figures(Some(2.0)), merit.completeness())
}

/// The same held against a check that found integrated power so much above the counter, within half a percent, and says so or says why not.
fn held(rows: &[Row], gap_frac: f64, unused: Option<&str>) -> crate::Energy {
    let check = crate::CheckFacts {
        file: Some("GPU-1.toml".into()),
        gap_frac: Some(gap_frac),
        half_frac: Some(0.005),
        unused: unused.map(str::to_owned),
        ..crate::CheckFacts::default()
    };
    let mut merit = Merit::new(1.0).held(Some(&check));
    for row in rows {
        merit.push(row);
    }
    merit.figures(Some(2.0)).energy
}

#[test]
fn a_run_is_held_against_what_a_check_of_its_card_found() {
    // Integrated power 1 % below the counter: what was found, and news to a card that was found 3 % above.
    let own = held(&rows(), -0.01, None);
    assert!(own.doubts().is_empty() && own.check.is_some_and(|c| !c.differs), "{own:?}");
    let other = held(&rows(), 0.03, None);
    let told = other.doubts().join("; ");
    assert!(
        told.contains("1.0 % less than the energy counter") && told.contains("lets expect 3.0 ± 1.1 % more: one of the two has changed"),
        "{told}"
    );
    assert!(other.enough(), "a doubt, and figures all the same");
    // The negative control: what is not gone by finds nothing, and neither did any run before.
    let stale = held(&rows(), 0.03, Some("it was made with another driver"));
    assert!(stale.doubts().is_empty() && stale.check.is_none(), "{stale:?}");

    // 8 % apart, which is told in any case, in the words of what is known of it.
    let mut apart = rows();
    for row in &mut apart {
        row.set(Column::AccelIntegralJ, row.bench_s * 70.7 * 1.08);
    }
    let known = held(&apart, 0.08, None).doubts().join("; ");
    assert!(known.contains("8.0 % more") && known.contains("as the check of this card lets expect (8.0 ± 1.1 % more)"), "{known}");
    let unknown = held(&apart, 0.08, Some("stale")).doubts().join("; ");
    assert!(unknown.contains("shows which of the two to trust"), "{unknown}");
    // No check makes figures of what is in dispute.
    for row in &mut apart {
        row.set(Column::AccelIntegralJ, row.bench_s * 70.7 * 1.4);
    }
    assert!(held(&apart, 0.4, None).disputed);
}

/// Steps of power leave a second and a half of themselves in one of the two accounts: of a run of ten seconds that is much, of an hour nothing.
#[test]
fn steps_of_power_are_allowed_for() {
    let mut stepped = rows();
    let mut joules = 0.0;
    for (k, row) in stepped.iter_mut().enumerate() {
        joules += if k % 2 == 0 { 20.0 } else { 121.4 };
        row.set(Column::AccelIntegralJ, joules);
    }
    let allowed = |rows: &[Row]| held(rows, 0.0, None).check.expect("both are there").allowed_frac;
    assert!(allowed(&rows()) < 0.012 && allowed(&stepped) > 0.15, "{} {}", allowed(&rows()), allowed(&stepped));
}

fn close(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|f| (f - expected).abs() < 1e-9 * expected.abs().max(1.0)), "{found:?} is not {expected}");
}

/// Units of work that is done elsewhere are counted all the same, and its board's energy is what it is.
#[test]
fn work_that_is_not_where_the_energy_is_measured_has_no_work_per_joule() {
    let told = |source| {
        let mut merit = Merit::new(1.0).by(source, Column::RigPlateDegc).apart(true);
        for mut row in rows() {
            row.set(Column::RigBoardW, 70.0);
            row.set(Column::RigMeterW, 70.0);
            row.set(Column::RigMeterJ, row.bench_s * 70.0);
            merit.push(&row);
        }
        merit.figures(Some(2.0))
    };
    let here = figures(&rows()).0;
    assert!(here.units_per_j.is_some() && here.input_units_per_j.is_some());
    let f = told(Source::Accelerator);
    assert_eq!((f.units_per_j, f.counted_units_per_j, f.input_units_per_j), (None, None, None));
    assert_eq!((f.work_units, f.power_w), (here.work_units, here.power_w));
    // A meter of the whole machine measures wherever in it the work is.
    let f = told(Source::Meter);
    close(f.units_per_j, 1000.0 / 700.0);
}

#[test]
fn a_short_run_by_hand() {
    let (f, c) = figures(&rows());
    close(f.staging_s, 3.0);
    close(f.mission_s, 10.0);
    close(f.work_units, 1000.0);
    close(f.work_units_per_s, 100.0);
    close(f.work_input_units, 400.0);
    close(f.input_units_per_s, 40.0);
    close(f.energy.counter_j, 707.0);
    close(f.energy.integral_j, 700.0);
    close(f.energy.gap_frac, 700.0 / 707.0 - 1.0);
    close(f.power_w, 70.7);
    close(f.units_per_j, 1000.0 / 707.0);
    close(f.units_per_s_per_cooling_kg, 50.0);
    close(f.sunlit_frac, 6.0 / 11.0);
    close(f.worst_tracking_k, 30.0 + 1.3 - 30.5);
    close(f.test_support_j, 220.0);
    assert_eq!(f.die_degc, None);
    assert_eq!((c.ticks, c.rows, c.gaps, c.running, c.limited), (14, 14, 0, 11, 0));
}

#[test]
fn a_gap_is_bridged_by_the_counters_and_reported() {
    let mut with_gap = rows();
    let mut gap = Row::new(0, 6, 6.0, RunState::Running);
    gap.set_reading(Channel::Plate, &Reading::gap(6.0, Origin::Simulated));
    with_gap[6] = gap;
    with_gap.remove(7);
    let (f, c) = figures(&with_gap);
    close(f.work_units, 1000.0);
    close(f.energy.counter_j, 707.0);
    assert_eq!((c.ticks, c.rows, c.gaps), (14, 13, 1));
    close(Some(c.gap_frac), 2.0 / 14.0);
}

#[test]
fn holds_and_resets_are_not_the_missions() {
    let mut held = rows();
    for row in &mut held[6..8] {
        row.state = RunState::Held;
        row.mission_s = Some(2.0);
    }
    for row in &mut held[8..] {
        row.mission_s = row.mission_s.map(|s| s - 2.0);
    }
    // The counter restarts at tick 10.
    for row in &mut held[10..] {
        let restarted = row.get(Column::AccelEnergyJ).map_or(0.0, |j| j - 5e6 - 707.0);
        row.set(Column::AccelEnergyJ, restarted);
    }
    let (f, _) = figures(&held);
    close(Some(f.held_s), 2.0);
    // Flown: ticks 4, 5, 8, 9, 11, 12, 13; 10 is lost with the reset, and power is there.
    close(f.energy.counter_j, 7.0 * 70.7);
    close(f.energy.integral_j, 8.0 * 70.0);
    close(f.energy.total_j, 7.0 * 70.7 + 70.0);
    close(f.energy.counter_anew_frac, 1.0 / 8.0);
    close(f.power_w, (7.0 * 70.7 + 70.0) / 8.0);
    assert!(f.energy.doubts()[0].contains("12.5 % of the mission: the counter fell or began anew for 12.5 %"), "{:?}", f.energy.doubts());
}

/// What was lost and done again is in the work that was counted, and not in the figures.
#[test]
fn useful_work_per_joule_leaves_out_what_was_done_again() {
    let mut lost = rows();
    for (tick, row) in lost.iter_mut().enumerate() {
        row.set(Column::WorkParkState, 0.0);
        row.set(Column::WorkLostUnits, if tick > 8 { 100.0 } else { 0.0 });
    }
    let (f, _) = figures(&lost);
    close(f.work_units, 1000.0);
    close(f.useful_units, 900.0);
    close(f.units_per_j, 900.0 / 707.0);
    close(f.counted_units_per_j, 1000.0 / 707.0);
    close(f.units_per_s_per_cooling_kg, 45.0);
    assert!(f.lost_any() && !figures(&rows()).0.lost_any());
}

/// The counter is not given from tick 8 on: what was +77 % in a run.
#[test]
fn a_counter_that_goes_leaves_the_figures_right() {
    let mut gone = rows();
    for row in &mut gone[8..] {
        row.set_reading(Channel::BoardEnergy, &Reading::gap(0.0, Origin::Simulated));
    }
    let (f, _) = figures(&gone);
    assert!((f.units_per_j.expect("power is there") - 1000.0 / 703.0).abs() < 0.005, "{:?}", f.units_per_j);
    assert!((f.power_w.expect("likewise") - 70.35).abs() < 0.4);
    close(f.energy.coverage_frac, 1.0);
    assert!(f.energy.filled_frac.is_some_and(|filled| filled >= 0.5), "{:?}", f.energy);
    // Nor power: energy is known over four of ten seconds, and no figure is made of it.
    for row in &mut gone[8..] {
        row.set(Column::AccelIntegralJ, 7.0 * 70.0);
    }
    let (f, _) = figures(&gone);
    assert_eq!((f.units_per_j, f.power_w), (None, None));
    close(f.energy.total_j, 4.0 * 70.7);
    assert!(f.energy.doubts()[0].starts_with("energy is known over 40.0 % of the mission: no mean power"), "{:?}", f.energy.doubts());
}

#[test]
fn what_was_never_measured_is_absent() {
    let mut bare: Vec<Row> = (0..3).map(|tick| Row::new(0, tick, tick as f64, RunState::Staging)).collect();
    let (f, _) = figures(&bare);
    assert_eq!((f.staging_s, f.mission_s, f.work_units, f.energy, f.units_per_j), (None, None, None, Energy::default(), None));
    bare[2].limited = Limit::Clamped;
    assert_eq!(figures(&bare).1.limited, 0, "staging is not in the share of limited rows");
    assert_eq!(figures(&[]).1, Completeness::default());
}
