//! The procedure on a board of virtual time: 80 W and 400 W, looked at for 25 ms of every 100 ms, 20 000 units a second, of which a look costs 4.

use super::*;

struct Board {
    now: f64,
    on: bool,
    power: f64,
    joules: f64,
    units: f64,
    window: (f64, u32),
    shown: (f64, f64),
    updated: f64,
    /// Looks before it falls off the bus.
    looks: u32,
    rise_s: f64,
    noise: f64,
    /// Of its readings, W, and of the counter, as a factor.
    noise_w: f64,
    counts: f64,
    /// The driver stamps its updates.
    stamps: bool,
    /// The work counts so often, s, and by then has done so much.
    report_s: f64,
    reported: f64,
    /// What a look costs the work, and how many slow ones there were.
    look_units: f64,
    slow: u32,
    /// The driver's own samples that nobody took yet, every 20 ms if it keeps any; its clock is another one.
    own: Option<Vec<Buffered>>,
    own_sum: (f64, u32),
}

impl Board {
    fn new() -> Self {
        Self {
            now: 0.0,
            on: false,
            power: 80.0,
            joules: 0.0,
            units: 0.0,
            window: (0.0, 0),
            shown: (80.0, 0.0),
            updated: 0.0,
            looks: u32::MAX,
            rise_s: 0.002,
            noise: 0.0,
            noise_w: 0.1,
            counts: 1.0,
            stamps: false,
            report_s: 0.001,
            reported: 0.0,
            look_units: 4.0,
            slow: 0,
            own: Some(Vec::new()),
            own_sum: (0.0, 0),
        }
    }

    fn advance(&mut self, dt: f64) {
        const STEP: f64 = 0.001;
        let end = self.now + dt;
        while self.now + STEP <= end + 1e-9 {
            self.now += STEP;
            let target = if self.on { 400.0 } else { 80.0 };
            self.power += (target - self.power) * (STEP / self.rise_s).min(1.0);
            self.joules += self.power * STEP;
            self.units += if self.on { 20_000.0 * STEP } else { 0.0 };
            if (self.now / self.report_s).floor() > ((self.now - STEP) / self.report_s).floor() {
                self.reported = self.units;
            }
            self.own_sum = (self.own_sum.0 + self.power, self.own_sum.1 + 1);
            if self.own_sum.1 == 20 {
                if let Some(own) = &mut self.own {
                    own.push(Buffered { at_s: 1.7e9 + self.now, power_w: self.own_sum.0 / 20.0 });
                    // Two seconds of them, no more.
                    own.drain(..own.len().saturating_sub(100));
                }
                self.own_sum = (0.0, 0);
            }
            if self.now > self.updated + 0.075 {
                self.window = (self.window.0 + self.power, self.window.1 + 1);
            }
            if self.now >= self.updated + 0.1 {
                self.updated += 0.1;
                self.noise = (self.noise + 0.618) % 1.0;
                self.shown = (self.window.0 / f64::from(self.window.1.max(1)) + self.noise_w * self.noise, self.joules * self.counts);
                self.window = (0.0, 0);
            }
        }
        self.now = end;
    }
}

impl Subject for Board {
    fn now_s(&self) -> f64 {
        self.now
    }

    fn wait_until(&mut self, s: f64) {
        let dt = s - self.now;
        if dt > 0.0 {
            self.advance(dt);
        }
    }

    fn look(&mut self) -> Result<Sample, String> {
        self.looks = self.looks.checked_sub(1).ok_or("it fell off the bus")?;
        self.advance(0.001);
        self.units -= if self.on { self.look_units } else { 0.0 };
        let power_age_s = self.stamps.then_some(self.now - self.updated);
        Ok(Sample { power_instant_w: Some(self.shown.0), power_age_s, energy_j: Some(self.shown.1), ..Sample::default() })
    }

    fn buffered(&mut self) -> Result<Option<Vec<Buffered>>, String> {
        Ok(self.own.as_mut().map(std::mem::take))
    }

    fn look_slowly(&mut self) -> Result<(), String> {
        self.slow += 1;
        Ok(())
    }

    fn work(&mut self, on: bool) {
        self.on = on;
    }

    fn units(&self) -> Option<f64> {
        Some(self.reported)
    }

    fn healthy(&self) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn a_sensor_is_found_out() {
    let mut board = Board::new();
    let found = Procedure::new(&mut board, 7, &mut |_| {}).run(&Effort::FULL, true).expect("it stays");
    let near = |value: Option<f64>, expected: f64, within: f64| {
        assert!(value.is_some_and(|v| (v - expected).abs() <= within), "{value:?} is not {expected}: {found:?}");
    };
    near(found.idle_w.map(|e| e.mean), 80.0, 0.2);
    near(found.load_w, 400.0, 0.5);
    near(found.period_s, 0.1, 0.006);
    near(found.counter_period_s, 0.1, 0.006);
    let window = found.window_s.expect("steps");
    assert!(window.holds(0.025) && window.half_width < 0.02, "{window:?}");
    near(found.counter_gap, 0.0, 0.005);
    // In step with its sensor the board may be shown anywhere between idle and load; as paced, within the noise of a few cycles.
    assert!(found.aliased.expect("trials").abs() > 0.2, "{found:?}");
    assert!(found.jittered.expect("trials").abs() < 0.05, "{found:?}");
    // Ten looks a second at 4 units each of 20 000, and a millisecond each.
    let cost = found.overhead.expect("it counts");
    assert!((cost.mean - 0.002).abs() < 5e-4 && cost.half_width < 5e-4 && cost.n == 8, "{cost:?}");
    // Ten looks of each polled block's 200, and none else: as in a run.
    assert!((8 * 20..8 * 22).contains(&board.slow), "{}", board.slow);
    assert_eq!(found.missing, 0.0);
    // Its own samples miss nothing: a fifth of its period apart, and right under a load that comes and goes.
    near(found.own_period_s, 0.02, 1e-6);
    near(found.own_depth_s, 1.5, 0.05);
    near(found.own_gap, 0.0, 0.002);
    let (own, polled) = (found.own_jittered.expect("trials"), found.jittered.expect("trials"));
    assert!(own.abs() < 0.02 && own.abs() < polled.abs(), "{own} {polled}");
    assert_eq!(found.gives, Gives { power: true, counter: true, own: true });
}

/// A sensor whose value moves only with the load: what is seen is the load, and said to be unresolved, unless the driver stamps its updates.
#[test]
fn a_quiet_sensor_s_period_is_not_taken_for_the_load_s() {
    let run = |board: &mut Board, effort| Procedure::new(board, 7, &mut |_| {}).run(&effort, true).expect("it stays");
    for effort in [Effort::QUICK, Effort::FULL] {
        let found = run(&mut Board { noise_w: 0.0, rise_s: 0.001, ..Board::new() }, effort);
        assert!(found.period_s.is_none() && found.window_s.is_none(), "{found:?}");
        assert!(matches!(found.doubt, Some(Doubt::Repeats { counter_s: Some(tick), .. }) if (tick - 0.1).abs() < 0.01), "{found:?}");
        // The counter's tick is in step with the sensor: aliasing is tried where it is.
        assert!(found.aliased.is_some(), "{found:?}");
        let found = run(&mut Board { noise_w: 0.0, rise_s: 0.001, stamps: true, ..Board::new() }, effort);
        assert!(found.period_s.is_some_and(|s| (s - 0.1).abs() < 0.006) && found.doubt.is_none(), "{found:?}");
        assert!(found.window_s.is_some_and(|w| w.mean < 0.06), "{found:?}");
    }
    let half = run(&mut Board { counts: 0.5, ..Board::new() }, Effort::QUICK);
    assert!(half.counter_gap.is_some_and(|gap| (gap + 0.5).abs() < 0.01), "{half:?}");
}

/// What happens before the work begins is neither idle nor load, and work that does not begin is told of.
#[test]
fn the_work_is_waited_for() {
    let mut late = Board { report_s: 20.0, ..Board::new() };
    let found = Procedure::new(&mut late, 7, &mut |_| {}).run(&Effort::QUICK, true).expect("it stays");
    assert!(found.idle_w.is_some_and(|e| (e.mean - 80.0).abs() < 0.2), "{found:?}");
    let mut never = Board { report_s: 1e6, ..Board::new() };
    let why = Procedure::new(&mut never, 7, &mut |_| {}).run(&Effort::QUICK, true).expect_err("it never begins");
    assert!(why.contains("did not begin within 300 s"), "{why}");
}

#[test]
fn a_driver_that_keeps_no_samples_is_asked_once() {
    let mut board = Board { own: None, ..Board::new() };
    let found = Procedure::new(&mut board, 7, &mut |_| {}).run(&Effort::QUICK, true).expect("it stays");
    assert_eq!((found.own_period_s, found.own_depth_s, found.own_gap, found.own_jittered), (None, None, None, None));
    assert!(!found.gives.own && found.jittered.is_some());
}

#[test]
fn without_work_the_idle_figures_remain() {
    let mut board = Board::new();
    let found = Procedure::new(&mut board, 1, &mut |_| {}).run(&Effort::QUICK, false).expect("it stays");
    assert!(found.idle_w.is_some() && found.period_s.is_some());
    assert_eq!((found.load_w, found.window_s, found.overhead), (None, None, None));
}

#[test]
fn a_device_that_goes_ends_it() {
    let mut board = Board { looks: 1000, ..Board::new() };
    let why = Procedure::new(&mut board, 1, &mut |_| {}).run(&Effort::QUICK, true).expect_err("lost");
    assert!(why.contains("fell off the bus"), "{why}");
}

/// The work counts every 0.37 s, twentieths of a percent are to be told apart: only from report to report.
#[test]
fn what_polling_costs_is_timed_from_report_to_report() {
    for (look_units, cost) in [(0.0, 0.0), (10.0, 0.005), (20.0, 0.01)] {
        let mut board = Board { report_s: 0.37, look_units, ..Board::new() };
        board.on = true;
        let found = Procedure::new(&mut board, 3, &mut |_| {}).overhead(&Effort::FULL).expect("it stays").expect("it counts");
        assert!((found.mean - cost).abs() < 5e-4 && found.half_width < 1e-3, "{found:?} for {cost}");
    }
    let mut silent = Board { report_s: 1e6, ..Board::new() };
    silent.on = true;
    let effort = Effort { pairs: 1, ..Effort::QUICK };
    assert_eq!(Procedure::new(&mut silent, 3, &mut |_| {}).overhead(&effort).expect("it stays"), None, "never reported, never 0");
}

#[test]
fn how_long_it_takes_is_said_and_kept() {
    for (effort, works) in [(Effort::QUICK, true), (Effort::QUICK, false), (Effort::FULL, true)] {
        let mut board = Board::new();
        Procedure::new(&mut board, 7, &mut |_| {}).run(&effort, works).expect("it stays");
        let said = effort.total_s(works);
        assert!((board.now / said - 1.0).abs() < 0.1, "{} for {said}", board.now);
    }
}
