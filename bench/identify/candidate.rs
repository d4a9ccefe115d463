//! What one set of parameters says that a log should read: the believed plant of the twin, driven by the inputs the log holds. The
//! equations are [`twin::Plant`]'s; here are inputs between rows, rooms that drift, sensors with offset and delay.

use crate::log::Sample;
use crate::parameter::Key;
use signal::{Celsius, Kelvin};
use twin::Plant;
use twin::plant::{STEP_S, Temperatures};

/// A plant with the sensors that look at it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The plant. Its room counts where no ambient was read.
    pub plant: Plant,
    /// Added to readings of plate, sink and die, K.
    pub offsets: [f64; 3],
    /// Readings of plate, sink and die are so late, s.
    pub delays: [f64; 3],
    /// Current that flows between rows beyond the readings at both ends, over the speed of the setpoint, A s/K.
    pub ramp_a_s_k: f64,
    /// The board sits on the plate.
    pub coupled: bool,
}

impl Candidate {
    /// What is believed: no offsets, no delays.
    pub fn believed(plant: &Plant, coupled: bool) -> Self {
        Self { plant: plant.clone(), offsets: [0.0; 3], delays: [0.0; 3], ramp_a_s_k: 0.0, coupled }
    }

    /// Sets one parameter.
    pub fn put(&mut self, key: Key, value: f64) {
        match key {
            Key::PlateOffset => self.offsets[0] = value,
            Key::SinkOffset => self.offsets[1] = value,
            Key::DieOffset => self.offsets[2] = value,
            Key::PlateDelay => self.delays[0] = value,
            Key::DieDelay => self.delays[2] = value,
            Key::RampCurrent => self.ramp_a_s_k = value,
            other => other.put(&mut self.plant, value),
        }
    }
}

/// One step from row to row.
#[derive(Clone, Copy)]
struct Tick<'r> {
    before: &'r Sample,
    now: &'r Sample,
    room: Kelvin,
    /// Current beyond what the readings at both ends say, A.
    extra_a: f64,
}

impl Candidate {
    fn tick(&self, tick: &Tick<'_>, t: &mut Temperatures) {
        let Tick { before, now, room, extra_a } = *tick;
        let span = now.t_s - before.t_s;
        let steps = (span / STEP_S - 1e-6).ceil().max(1.0);
        let dt_s = span / steps;
        // What switches does so at the row before, when commands go out: from there on the newer reading holds.
        let end_a = now.amps.or(before.amps).unwrap_or(0.0);
        let begin_a = if before.on == now.on { before.amps.unwrap_or(end_a) } else { end_a };
        let board = if self.coupled { now.board_w.unwrap_or(0.0) } else { 0.0 };
        let unseen_a = extra_a + self.ramp_a_s_k * now.moved_k / span;
        let heater_k = now.heater_w * dt_s / self.plant.plate_j_k;
        for step in 0..steps as u32 {
            // The current is read at the end of a step, having flowed during it.
            let part = (f64::from(step) + 1.0) / steps;
            let amps = begin_a + (end_a - begin_a) * part + unseen_a;
            self.plant.advance(t, dt_s, room, board, amps);
            t.plate.0 += heater_k;
        }
    }
}

/// The steps of a stretch. The room is what was read of the air, or the plant's where nothing was.
fn ticks<'a>(candidate: &'a Candidate, rows: &'a [Sample]) -> impl Iterator<Item = Tick<'a>> {
    let mut ambient = rows.iter().find_map(|r| r.ambient_degc);
    rows.windows(2).map(move |pair| {
        ambient = pair[0].ambient_degc.or(ambient);
        let room = ambient.map_or(candidate.plant.room, Celsius);
        Tick { before: &pair[0], now: &pair[1], room: room.into(), extra_a: 0.0 }
    })
}

fn kelvin([plate, sink, die]: [f64; 3]) -> Temperatures {
    let k = |t| Kelvin::from(Celsius(t));
    Temperatures { die: k(die), plate: k(plate), sink: k(sink) }
}

fn celsius(t: &Temperatures) -> [f64; 3] {
    [t.plate, t.sink, t.die].map(|k| Celsius::from(k).0)
}

/// True temperatures at every row of a stretch: plate, sink, die in °C, given those at its first row.
pub fn simulate(candidate: &Candidate, rows: &[Sample], start_degc: [f64; 3]) -> Vec<[f64; 3]> {
    let mut t = kelvin(start_degc);
    let mut out = Vec::with_capacity(rows.len());
    out.push(start_degc);
    for tick in ticks(candidate, rows) {
        candidate.tick(&tick, &mut t);
        out.push(celsius(&t));
    }
    out
}

/// How the temperatures at the end of one step answer. The plant is linear in its temperatures and the room's (not in current or
/// parameters), so that one look tells exactly what a change of either does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response {
    /// What a kelvin more of plate, sink, die (outer index) before the step makes of plate, sink, die (inner) after it.
    pub carry: [[f64; 3]; 3],
    /// What a kelvin more of room does.
    pub room: [f64; 3],
    /// What an ampere more of current does, K/A.
    pub amps: [f64; 3],
}

impl Response {
    /// This one, then `next`: what either brings about at the end of both, an ampere or a kelvin of room acting during both.
    fn then(&self, next: &Self) -> Self {
        let on = |change: &[f64; 3]| [0, 1, 2].map(|i| (0..3).map(|j| next.carry[j][i] * change[j]).sum::<f64>());
        let both = |before: [f64; 3], own: &[f64; 3]| [0, 1, 2].map(|i| before[i] + own[i]);
        Self {
            carry: [on(&self.carry[0]), on(&self.carry[1]), on(&self.carry[2])],
            room: both(on(&self.room), &next.room),
            amps: both(on(&self.amps), &next.amps),
        }
    }
}

/// The responses of a stretch along `truth` from each of `rows_at` to the next, rising.
pub fn responses(candidate: &Candidate, rows: &[Sample], truth: &[[f64; 3]], rows_at: &[usize]) -> Vec<Response> {
    let change = |k: usize, start: [f64; 3], tick: &Tick<'_>, scale: f64| {
        let mut t = kelvin(start);
        candidate.tick(tick, &mut t);
        let (end, known) = (celsius(&t), truth[k + 1]);
        [0, 1, 2].map(|i| (end[i] - known[i]) / scale)
    };
    let one = |k: usize, tick: &Tick<'_>| Response {
        carry: [0, 1, 2].map(|i| {
            let mut start = truth[k];
            start[i] += 1.0;
            change(k, start, tick, 1.0)
        }),
        room: change(k, truth[k], &Tick { room: Kelvin(tick.room.0 + 1.0), ..*tick }, 1.0),
        // Small: the Joule heat goes by the square of the current.
        amps: change(k, truth[k], &Tick { extra_a: 1e-4, ..*tick }, 1e-4),
    };
    let all: Vec<Response> = ticks(candidate, rows).enumerate().map(|(k, tick)| one(k, &tick)).collect();
    let join = |steps: &[Response]| steps.iter().copied().reduce(|a, b| a.then(&b)).unwrap_or_default();
    rows_at.windows(2).map(|w| join(&all[w[0]..w[1]])).collect()
}

/// What the four channels should read at every row: plate, sink, die in °C, voltage in V.
pub fn readings(candidate: &Candidate, rows: &[Sample], truth: &[[f64; 3]]) -> Vec<[f64; 4]> {
    let bank = &candidate.plant.bank;
    let offsets = candidate.offsets;
    let mut out: Vec<[f64; 4]> = rows
        .iter()
        .zip(truth)
        .map(|(row, t)| {
            let volts = bank.voltage_v(row.amps.unwrap_or(0.0), Celsius(t[0]).into(), Celsius(t[1]).into());
            [t[0] + offsets[0], t[1] + offsets[1], t[2] + offsets[2], volts]
        })
        .collect();
    for (channel, delay_s) in candidate.delays.into_iter().enumerate().filter(|d| d.1 != 0.0) {
        let mut from = 0;
        for (row, cell) in rows.iter().zip(&mut out) {
            let then = row.t_s - delay_s;
            while from + 2 < rows.len() && rows[from + 1].t_s <= then {
                from += 1;
            }
            cell[channel] = between(rows, truth, channel, from, then) + offsets[channel];
        }
    }
    out
}

/// A temperature between rows `from` and the next, by the cubic that has the slopes there (Catmull and Rom): smooth in time, so that a delay
/// has a derivative. Beyond the first and last row a straight line, a row at most.
fn between(rows: &[Sample], truth: &[[f64; 3]], channel: usize, from: usize, then: f64) -> f64 {
    let slope = |k: usize| {
        let (a, b) = (k.saturating_sub(1), (k + 1).min(rows.len() - 1));
        (truth[b][channel] - truth[a][channel]) / (rows[b].t_s - rows[a].t_s)
    };
    let span = rows[from + 1].t_s - rows[from].t_s;
    let part = (then - rows[from].t_s) / span;
    let (a, b) = (truth[from][channel], truth[from + 1][channel]);
    if part <= 0.0 {
        return a + slope(from) * span * part.max(-1.0);
    }
    if part >= 1.0 {
        return b + slope(from + 1) * span * (part - 1.0).min(1.0);
    }
    let rest = 1.0 - part;
    rest * rest * ((1.0 + 2.0 * part) * a + part * span * slope(from))
        + part * part * ((1.0 + 2.0 * rest) * b - rest * span * slope(from + 1))
}
