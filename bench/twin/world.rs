//! One emulated bench: plant, TEC controller and card together, advanced to a bench time.
//!
//! A world knows no clock: whoever owns it says what time it is. Over a pty that is the host's wall clock times the speed; in
//! memory it is virtual time; in a rehearsal it is the tick.

use crate::card::{Card, CardReading, CardSpec};
use crate::circuit::{Circuit, Coolants, coolant_of};
use crate::desk::{Emulated, Flowing, Placed, Scene};
use crate::faults::{Ailing, SensorFault};
use crate::plant::{Plant, STEP_S, Temperatures};
use crate::tec_controller::{Sensors, TecController};
use crate::truth::{ROOM_PERIOD_S, Spreads, Truth};
use crate::wired::Ailment;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rig::{CoolantRule, RigFile, ServoNode};
use signal::{Celsius, Crossing, Kelvin, Section};
use std::f64::consts::TAU;

/// Resistance from sink to room with the fan standing still, over that with it running (assumed: natural over forced convection).
const STALLED_FAN: f64 = 6.0;
/// Resistance from die to plate with the coolant standing still, over that with it flowing (assumed: conduction only).
const STILL_COOLANT: f64 = 10.0;

/// Flow with the pump standing still, over that with it running (assumed: natural circulation).
const STILL_FLOW_FRAC: f64 = 0.005;

/// What the rig file says of the twin: `[plant]`, `[truth]` and `[card]`.
#[derive(Clone, Debug)]
pub struct TwinSpec {
    /// What is believed of the bench.
    pub plant: Plant,
    /// How far one bench may differ from the belief.
    pub spreads: Spreads,
    /// What is believed of the card, where the rig has a virtual one.
    pub card: CardSpec,
}

impl TwinSpec {
    /// Reads the three tables from the top of a rig file.
    pub fn read(root: &Section<'_>) -> Self {
        let coolant = CoolantRule::read(&root.optional_section("coolant")).as_ref().map(coolant_of);
        Self {
            plant: Plant::read(&root.section("plant"), coolant),
            spreads: Spreads::read(&root.optional_section("truth")),
            card: CardSpec::read(&root.section("card")),
        }
    }
}

/// A bench at one bench time.
pub struct World {
    truth: Truth,
    /// The emulated TEC controller.
    pub tec: TecController,
    /// Every other instrument, by its name in the rig file.
    desk: Vec<Placed>,
    /// Further outputs of a device: their names, the device's, and which they are.
    outputs: Vec<(String, String, u8)>,
    card: Card,
    temperatures: Temperatures,
    /// Of the loop, where the plant has one.
    coolants: Coolants,
    /// The controlled object is the coolant's supply.
    holds_supply: bool,
    /// Energy that the board drew, J.
    board_j: f64,
    board_w: f64,
    current_a: f64,
    bench_s: f64,
    /// The card sits on the plate: its heat goes there.
    coupled: bool,
    ailing: Ailing,
    /// What the thermistors read last, plate and sink, °C.
    read_degc: Option<(f64, f64)>,
    rng: ChaCha8Rng,
}

impl World {
    /// A bench at rest at bench second 0.
    pub fn new(truth: Truth, card: CardSpec, tec: TecController, coupled: bool) -> Self {
        let mut temperatures = truth.plant.at_rest();
        let shift = truth.room_offset_k;
        for t in [&mut temperatures.die, &mut temperatures.plate, &mut temperatures.sink] {
            t.0 += shift;
        }
        let coolants = Circuit::at_rest(temperatures.plate);
        let mut rng = ChaCha8Rng::seed_from_u64(truth.seed);
        rng.set_stream(1);
        let mut card_rng = ChaCha8Rng::seed_from_u64(truth.seed);
        card_rng.set_stream(2);
        let card = Card::new(card, truth.card.clone(), card_rng);
        Self {
            truth,
            tec,
            desk: Vec::new(),
            outputs: Vec::new(),
            card,
            temperatures,
            coolants,
            holds_supply: false,
            board_j: 0.0,
            board_w: 0.0,
            current_a: 0.0,
            bench_s: 0.0,
            coupled,
            ailing: Ailing::default(),
            read_degc: None,
            rng,
        }
    }

    /// Takes the rig's word for which temperature is held.
    pub fn bind(&mut self, rig: &RigFile) {
        self.holds_supply = rig.interface.servo_node == ServoNode::CoolantSupply && self.truth.plant.circuit.is_some();
    }

    /// Says that an instrument of the rig file is an output of a device that another one stands for.
    pub fn attach_output(&mut self, name: String, device: String, output: u8) {
        self.outputs.push((name, device, output));
    }

    /// Puts another instrument on the bench.
    pub fn attach(&mut self, name: String, device: Box<dyn Emulated>) {
        self.desk.push((name, device));
    }

    /// From now on this is wrong with the bench, and nothing else.
    pub fn ail(&mut self, ailing: Ailing) {
        self.ailing = ailing;
    }

    /// Something befalls the instrument of this name, at wall second `wall_s`.
    pub fn suffer(&mut self, name: &str, wall_s: f64, ailment: Ailment) {
        if self.outputs.iter().any(|(known, ..)| known == name) {
            return;
        }
        match self.desk.iter_mut().find(|(known, _)| known == name) {
            Some((_, device)) => device.suffer(wall_s, ailment, &mut self.tec),
            None => self.tec.befall(wall_s, ailment),
        }
    }

    /// Puts so much on the pan of the scale of this name, kg.
    pub fn load(&mut self, name: &str, kg: f64) {
        if let Some((_, device)) = self.desk.iter_mut().find(|(known, _)| known == name) {
            device.load(kg);
        }
    }

    /// Bench seconds since power-up.
    pub fn bench_s(&self) -> f64 {
        self.bench_s
    }

    /// The true temperatures, for tests and the emulator's log; no instrument shows them.
    pub fn temperatures(&self) -> &Temperatures {
        &self.temperatures
    }

    /// What the plate's and the sink's sensors add to the true temperature, K.
    pub fn sensor_offsets_k(&self) -> (f64, f64) {
        (self.truth.plate_offset_k, self.truth.sink_offset_k)
    }

    /// The true room temperature now.
    pub fn room(&self) -> Kelvin {
        let swing = self.truth.room_drift_k * (TAU * self.bench_s / ROOM_PERIOD_S + self.truth.room_phase_rad).sin();
        Kelvin(Kelvin::from(self.truth.plant.room).0 + self.truth.room_offset_k + swing)
    }

    /// The coolant's sensors, supply and return, °C, without noise, and what the flow meter says, l/min; `None` where nothing flows.
    pub fn coolant(&self) -> Option<(f64, f64, f64)> {
        let circuit = self.ailing_circuit()?;
        let degc = |t: Kelvin| Celsius::from(t).0;
        let (supply, back) =
            (degc(self.coolants.supply) + self.truth.supply_offset_k, degc(self.coolants.outlet) + self.truth.return_offset_k);
        Some((supply, back, circuit.flow_l_min * self.truth.flow_gain))
    }

    /// What external meters say of the board: power, W, and energy since power-up, J.
    pub fn metered(&self) -> (f64, f64) {
        (self.board_w * self.truth.meter_gain, self.board_j * self.truth.meter_gain)
    }

    /// True temperature of what the bank cools.
    fn cold(&self) -> Kelvin {
        if self.truth.plant.circuit.is_some() { self.coolants.supply } else { self.temperatures.plate }
    }

    fn ailing_circuit(&self) -> Option<Circuit> {
        let circuit = self.truth.plant.circuit?;
        Some(Circuit { flow_l_min: circuit.flow_l_min * if self.ailing.pump { STILL_FLOW_FRAC } else { 1.0 }, ..circuit })
    }

    /// Current through the modules' terminals, A.
    pub fn current_a(&self) -> f64 {
        self.current_a
    }

    /// Voltage at the modules' terminals, V; 0 where a circulator does their work.
    pub fn voltage_v(&self) -> f64 {
        if self.truth.plant.circuit.is_some_and(|c| c.bath.is_some()) {
            return 0.0;
        }
        self.truth.plant.bank.voltage_v(self.current_a, self.cold(), self.temperatures.sink)
    }

    /// Lets bench time pass until `to_bench_s`; `wall_s` is the time the controller's watchdog goes by.
    pub fn advance(&mut self, wall_s: f64, to_bench_s: f64) {
        let whole = ((to_bench_s - self.bench_s) / STEP_S).ceil();
        if whole < 1.0 || !whole.is_finite() {
            return;
        }
        let dt_s = (to_bench_s - self.bench_s) / whole;
        for _ in 0..whole as u64 {
            let sensors = self.sensors();
            let demanded_a = self.tec.control(wall_s, dt_s, sensors);
            self.current_a = if self.truth.faults.reversed { -demanded_a } else { demanded_a };
            let die = Celsius::from(self.temperatures.die).0;
            let board_w = self.card.advance(dt_s, die);
            let heat_w = if self.coupled { board_w } else { 0.0 };
            let room = self.room();
            (self.board_w, self.board_j) = (board_w, self.board_j + board_w * dt_s);
            let scene = self.scene(sensors, room);
            for (_, device) in &mut self.desk {
                device.advance(wall_s, dt_s, &scene);
            }
            let ailing = self.ailing_plant();
            let plant = ailing.as_ref().unwrap_or(&self.truth.plant);
            match self.ailing_circuit() {
                None => plant.advance(&mut self.temperatures, dt_s, room, heat_w, self.current_a),
                Some(circuit) => {
                    let drive = self.tec.drive_frac() * if self.truth.faults.reversed { -1.0 } else { 1.0 };
                    let (t, c) = (&mut self.temperatures, &mut self.coolants);
                    circuit.advance(plant, t, c, dt_s, room, heat_w, self.current_a, drive)
                }
            };
            self.bench_s += dt_s;
        }
        self.bench_s = to_bench_s;
    }

    /// What the emulated instruments may know of this moment.
    fn scene(&mut self, sensors: Sensors, room: Kelvin) -> Scene {
        let (board_w, _) = self.metered();
        let mut scene = Scene { sensors, plate_degc: sensors.object_degc, coolant: None, room_degc: Celsius::from(room).0, board_w };
        if let Some((supply, back, flow_l_min)) = self.coolant() {
            let (supply_noise, return_noise) = (self.noise(), self.noise());
            let supply_degc = if self.holds_supply { sensors.object_degc } else { supply + supply_noise };
            scene.coolant = Some(Flowing { supply_degc, return_degc: back + return_noise, flow_l_min });
            if self.holds_supply {
                scene.plate_degc = Celsius::from(self.temperatures.plate).0 + self.truth.plate_offset_k + self.noise();
            }
        }
        scene
    }

    fn noise(&mut self) -> f64 {
        if self.truth.noise_k == 0.0 {
            return 0.0;
        }
        let z: f64 = StandardNormal.sample(&mut self.rng);
        z * self.truth.noise_k
    }

    fn sensors(&mut self) -> Sensors {
        let (object_noise, sink_noise) = (self.noise(), self.noise());
        let (object, offset_k) = if self.holds_supply {
            (self.coolants.supply, self.truth.supply_offset_k)
        } else {
            (self.temperatures.plate, self.truth.plate_offset_k)
        };
        let object_degc = Celsius::from(object).0 + offset_k + object_noise;
        let sink_degc = Celsius::from(self.temperatures.sink).0 + self.truth.sink_offset_k + sink_noise;
        let read = |fault: Option<SensorFault>, before: Option<f64>, now: f64| fault.map_or(now, |fault| fault.reads(before, now));
        let (object_before, sink_before) = self.read_degc.unzip();
        let object_degc = read(self.ailing.plate, object_before, object_degc);
        let sink_degc = read(self.ailing.sink, sink_before, sink_degc);
        self.read_degc = Some((object_degc, sink_degc));
        Sensors { object_degc: self.truth.faults.stuck_plate_degc.unwrap_or(object_degc), sink_degc, voltage_v: self.voltage_v() }
    }

    /// The plant with what ails it; `None` if nothing does.
    fn ailing_plant(&self) -> Option<Plant> {
        if !self.ailing.fan && !self.ailing.pump {
            return None;
        }
        let mut plant = self.truth.plant.clone();
        plant.sink_k_w *= if self.ailing.fan { STALLED_FAN } else { 1.0 };
        plant.die_plate_k_w *= if self.ailing.pump { STILL_COOLANT } else { 1.0 };
        Some(plant)
    }

    /// Bytes that arrived at the controller, at wall second `wall_s`; returns its reply.
    pub fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        self.tec.receive(wall_s, bytes)
    }

    /// Bytes that arrived at the instrument of this name; returns its reply. A name that is none of the others' is the
    /// controller's.
    pub fn receive_at(&mut self, name: &str, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        if self.outputs.iter().any(|(known, ..)| known == name) {
            // Its device hears, and once is enough.
            return Vec::new();
        }
        match self.desk.iter_mut().find(|(known, _)| known == name) {
            Some((_, device)) => device.receive(wall_s, bytes, &mut self.tec),
            None => self.tec.receive(wall_s, bytes),
        }
    }

    /// What happened to instruments since this was last asked, in words; those beside the controller by name.
    pub fn events(&mut self) -> Vec<String> {
        let mut events = self.tec.events();
        for (name, device) in &mut self.desk {
            events.extend(device.events().into_iter().map(|event| format!("{name}: {event}")));
        }
        events
    }

    /// Whether the output of the instrument of this name is on; `None` if it has none of its own.
    pub fn output_on(&self, name: &str) -> Option<bool> {
        let alias = self.outputs.iter().find(|(known, ..)| known == name);
        let (name, output) = alias.map_or((name, 1), |(_, device, output)| (device.as_str(), *output));
        match self.desk.iter().find(|(known, _)| known == name) {
            Some((_, device)) => device.outputs_on(output),
            None if output == 1 => Some(self.tec.output_on()),
            None => self.tec.second_on(),
        }
    }

    /// Paces the card's workload.
    pub fn set_duty(&mut self, duty: f64) {
        self.card.set_duty(duty);
    }

    /// Takes the power for the card's work away; `None` gives it back.
    pub fn set_away(&mut self, away: Option<Crossing>) {
        self.card.set_away(away);
    }

    /// What the card's driver says.
    pub fn read_card(&mut self) -> CardReading {
        self.card.read(Celsius::from(self.temperatures.die).0)
    }
}
