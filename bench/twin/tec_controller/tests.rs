//! The device alone: published bytes, strictness, protections, regulation.

use super::*;
use model::tec::{Bank, Ratings};
use proptest::prelude::*;
use rig::protocol::mecom::{Answer, Query};
use signal::{Celsius, Kelvin};

const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 4.0 };

/// Asks like a host and takes the answer apart like one.
fn ask(device: &mut TecController, wall_s: f64, request: Request) -> Option<Answer> {
    let query = Query { address: device.config.address, sequence: 77, request };
    let mut decoder = Decoder::new(Side::Device);
    decoder.push(&device.receive(wall_s, &query.encode()));
    decoder.pop().map(|frame| query.answer(&frame).expect("an answer to this"))
}

fn read(device: &mut TecController, wall_s: f64, parameter: u16) -> Option<Answer> {
    ask(device, wall_s, Request::Read { parameter, instance: 1 })
}

fn write(device: &mut TecController, wall_s: f64, parameter: u16, value: Value) -> Option<Answer> {
    ask(device, wall_s, Request::Write { parameter, instance: 1, bits: value.bits() })
}

fn set(device: &mut TecController, wall_s: f64, parameter: u16, value: f64) {
    let answer = write(device, wall_s, parameter, Value::Float(value as f32));
    assert_eq!(answer, Some(Answer::Acknowledged), "{parameter} = {value}");
}

fn enable(device: &mut TecController, wall_s: f64) {
    assert_eq!(write(device, wall_s, id::OUTPUT_ENABLE, Value::Int(1)), Some(Answer::Acknowledged));
}

fn keep_in_memory(device: &mut TecController, wall_s: f64) {
    assert_eq!(write(device, wall_s, id::SAVE_TO_FLASH, Value::Int(1)), Some(Answer::Acknowledged));
}

fn int(value: i32) -> Answer {
    Answer::Bits(value.cast_unsigned())
}

#[test]
fn published_conversations_come_out_byte_for_byte() {
    let mut device = TecController::new(TecConfig::default());
    device.control(0.0, 0.1, AT_25);
    let cases: &[(&[u8], &[u8])] = &[
        // pyMeCom's request and the acknowledgement its echo rule asks for.
        (b"#010002VS0BB80141A00000A12E\r", b"!010002A12E\r"),
        // The answer's CRC is computed by pyMeCom's function.
        (&Query { address: 1, sequence: 1, request: Request::Read { parameter: 1000, instance: 1 } }.encode(), b"!01000141C80000DA86\r"),
        (&Query { address: 1, sequence: 1, request: Request::Read { parameter: 9999, instance: 1 } }.encode(), b"!010001+0596A3\r"),
        // Captured from the vendor's API, to every device; not addressed to this one; not addressed at all.
        (b"#7B3039RSB5BB\r", b""),
        (b"#0015AB?VR03E801C21A", b""),
    ];
    for (request, reply) in cases {
        assert_eq!(device.receive(0.0, request), *reply, "{:?}", String::from_utf8_lossy(request));
    }
    let broadcast = device.receive(0.0, b"\r");
    assert!(broadcast.starts_with(b"!0015AB41C80000"), "{:?}", String::from_utf8_lossy(&broadcast));

    let mut far = TecController::new(TecConfig { address: 0x7B, ..TecConfig::default() });
    assert_eq!(far.receive(0.0, b"#7B3039RSB5BB\r"), b"!7B3039B5BB\r");
}

#[test]
fn what_it_does_not_know_is_refused_by_number() {
    let refused: &[(Request, ServerError)] = &[
        (Request::Read { parameter: 4242, instance: 1 }, ServerError::Parameter),
        (Request::Read { parameter: 1000, instance: 2 }, ServerError::Instance),
        (Request::Write { parameter: 1000, instance: 1, bits: 0 }, ServerError::ReadOnly),
        (Request::Write { parameter: 4242, instance: 1, bits: 0 }, ServerError::Parameter),
        (Request::Write { parameter: 2010, instance: 1, bits: 7 }, ServerError::Range),
        (Request::Write { parameter: 2010, instance: 2, bits: 1 }, ServerError::Instance),
        (Request::Write { parameter: 2030, instance: 1, bits: 17.0_f32.to_bits() }, ServerError::Range),
        (Request::Write { parameter: 3000, instance: 1, bits: f32::NAN.to_bits() }, ServerError::Range),
        // In the table of parameters, but not in this device.
        (Request::Write { parameter: 2051, instance: 1, bits: 0 }, ServerError::ReadOnly),
        (Request::Write { parameter: 4034, instance: 1, bits: 1 }, ServerError::ReadOnly),
    ];
    let mut device = TecController::new(TecConfig::default());
    for (request, error) in refused {
        assert_eq!(ask(&mut device, 0.0, *request), Some(Answer::Refused(*error)), "{request:?}");
    }
    for (payload, code) in [("?VX0103E801", "+01"), ("SP", "+01"), ("?VR03E8", "+04"), ("VS0BB80141A0", "+04")] {
        let reply = device.receive(0.0, &Frame::new(Side::Host, 1, 1, payload.to_owned()).encode(Side::Host));
        assert_eq!(std::str::from_utf8(&reply).unwrap().get(7..10), Some(code), "{payload}");
    }
    assert!(!device.output_on());
}

/// Its own trips, apart from its limits: they end in error, with the output off.
#[test]
fn a_current_or_voltage_beyond_its_trip_switches_off() {
    for (trip, number, sensors) in [(id::CURRENT_TRIP, 107, AT_25), (id::VOLTAGE_TRIP, 104, Sensors { voltage_v: 4.5, ..AT_25 })] {
        let mut device = TecController::new(TecConfig::default());
        for (parameter, value) in [(id::CURRENT_LIMIT, 8.0), (id::TARGET_TEMPERATURE, 5.0), (id::TARGET_RAMP, 100.0), (trip, 4.2)] {
            set(&mut device, 0.0, parameter, value);
        }
        enable(&mut device, 0.0);
        let amps = device.control(0.1, 1.0, AT_25);
        assert!(amps > 4.2 && device.output_on(), "{amps} A");
        device.control(0.2, 0.1, sensors);
        assert_eq!((device.output_on(), read(&mut device, 0.2, id::ERROR_NUMBER)), (false, Some(int(number))));
    }
}

#[test]
fn it_identifies_itself_with_and_without_an_instance() {
    let mut device = TecController::new(TecConfig::default());
    for instance in [None, Some(1)] {
        let reply = device.receive(0.0, &Query { address: 0, sequence: 1, request: Request::Identify { instance } }.encode());
        assert_eq!(reply.len(), 12 + 20, "an identity has 20 characters");
    }
    let silent = Query { address: 255, sequence: 1, request: Request::Write { parameter: 3000, instance: 1, bits: 12.5_f32.to_bits() } };
    assert_eq!(device.receive(0.0, &silent.encode()), b"");
    assert_eq!(device.target_degc(), 12.5, "obeyed without a word");
}

#[test]
fn an_unmeasured_temperature_is_no_number() {
    let mut device = TecController::new(TecConfig::default());
    let Some(Answer::Bits(bits)) = read(&mut device, 0.0, id::OBJECT_TEMPERATURE) else { panic!("no value") };
    assert!(f32::from_bits(bits).is_nan());
}

#[test]
fn the_watchdog_really_switches_off_by_wall_time() {
    let mut device = TecController::new(TecConfig::default());
    set(&mut device, 0.0, id::WATCHDOG, 3.0);
    device.control(100.0, 0.1, AT_25);
    assert_eq!(read(&mut device, 100.0, id::DEVICE_STATUS), Some(int(1)), "armed only while the output is on");
    enable(&mut device, 100.0);
    // Bench time runs 60 times as fast; it is not what counts.
    for tenth in 0..30 {
        device.control(100.0 + f64::from(tenth) / 10.0, 6.0, AT_25);
    }
    assert!(device.output_on());
    assert_eq!(device.control(103.01, 0.1, AT_25), 0.0);
    assert_eq!(read(&mut device, 103.02, id::DEVICE_STATUS), Some(int(3)));
    assert_eq!(read(&mut device, 103.02, id::ERROR_NUMBER), Some(int(2060)));
    assert!(device.events().iter().any(|e| e.contains("watchdog")));
    // Enabling is no way out of an error.
    enable(&mut device, 103.1);
    assert!(!device.output_on());
}

#[test]
fn a_frame_after_the_lease_does_not_revive_the_output() {
    let mut device = TecController::new(TecConfig::default());
    set(&mut device, 0.0, id::WATCHDOG, 3.0);
    enable(&mut device, 0.0);
    assert_eq!(read(&mut device, 2.9, id::DEVICE_STATUS), Some(int(2)));
    assert_eq!(read(&mut device, 6.0, id::DEVICE_STATUS), Some(int(3)));
    // Damaged and foreign frames are no sign of life.
    let mut other = TecController::new(TecConfig::default());
    set(&mut other, 0.0, id::WATCHDOG, 3.0);
    enable(&mut other, 0.0);
    other.receive(2.0, b"#0215AB?VR03E801C21A\r#0115AB?VR03E801C21A\r");
    other.control(3.5, 0.1, AT_25);
    assert!(!other.output_on());
}

#[test]
fn a_restart_clears_errors_and_everything_set() {
    let mut device = TecController::new(TecConfig::default());
    keep_in_memory(&mut device, 0.0);
    set(&mut device, 0.0, id::CURRENT_LIMIT, 8.0);
    enable(&mut device, 0.0);
    device.control(0.0, 0.1, Sensors { object_degc: 120.0, ..AT_25 });
    assert_eq!(read(&mut device, 0.0, id::ERROR_NUMBER), Some(int(138)));
    assert_eq!(ask(&mut device, 1.0, Request::Reset), Some(Answer::Acknowledged));
    assert_eq!(read(&mut device, 1.1, id::DEVICE_STATUS), None, "restarting");
    device.control(1.5, 0.1, AT_25);
    assert_eq!(read(&mut device, 1.5, id::DEVICE_STATUS), Some(int(1)));
    assert_eq!(read(&mut device, 1.5, id::CURRENT_LIMIT), Some(Answer::Bits(1.0_f32.to_bits())));
    assert_eq!(read(&mut device, 1.5, id::OUTPUT_ENABLE), Some(int(0)));
}

#[test]
fn a_temperature_out_of_range_or_unreadable_switches_off() {
    for (object_degc, cause) in [(96.0, 138), (-21.0, 138), (f64::NAN, 1000), (f64::INFINITY, 1000)] {
        let mut device = TecController::new(TecConfig::default());
        enable(&mut device, 0.0);
        assert_ne!(device.control(0.0, 0.1, Sensors { object_degc: 60.0, ..AT_25 }), 0.0);
        assert_eq!(device.control(0.1, 0.1, Sensors { object_degc, ..AT_25 }), 0.0);
        assert_eq!(read(&mut device, 0.1, id::ERROR_NUMBER), Some(int(cause)));
        assert_eq!(device.events().iter().filter(|e| e.contains("error")).count(), 1, "told once");
    }
}

#[test]
fn a_sink_beyond_its_thresholds_switches_off() {
    for (sink_degc, number) in [(61.0, Some(143)), (9.0, Some(142)), (59.0, None)] {
        let mut device = TecController::new(TecConfig::default());
        set(&mut device, 0.0, id::SINK_UPPER_TRIP, 60.0);
        set(&mut device, 0.0, id::SINK_LOWER_TRIP, 10.0);
        enable(&mut device, 0.0);
        device.control(0.1, 0.1, Sensors { sink_degc, ..AT_25 });
        assert_eq!((device.output_on(), read(&mut device, 0.1, id::ERROR_NUMBER)), (number.is_none(), Some(int(number.unwrap_or(0)))));
    }
}

/// What is set while 108 is 0 outlasts a restart, and an output that was on comes back on.
#[test]
fn settings_are_saved_unless_they_are_kept_in_memory() {
    for (kept, limit_a) in [(false, 8.0_f32), (true, 1.0)] {
        let mut device = TecController::new(TecConfig::default());
        if kept {
            keep_in_memory(&mut device, 0.0);
            assert_eq!(read(&mut device, 0.0, id::FLASH_STATUS), Some(int(2)));
        }
        set(&mut device, 0.0, id::CURRENT_LIMIT, 8.0);
        enable(&mut device, 0.0);
        assert_eq!(device.flash_writes(), if kept { 0 } else { 2 });
        device.befall(1.0, Ailment::PowerCycle);
        device.control(2.0, 0.1, AT_25);
        assert_eq!(read(&mut device, 2.0, id::CURRENT_LIMIT), Some(Answer::Bits(limit_a.to_bits())));
        assert_eq!(device.output_on(), !kept);
        assert_eq!(read(&mut device, 2.0, id::SAVE_TO_FLASH), Some(int(0)), "saving is what it wakes to");
    }
}

/// A plate of 400 J/K on a bank of six modules; sink held, which is the regulator's easier half and the plant's business.
struct Plate {
    bank: Bank,
    temperature: Kelvin,
    sink: Kelvin,
    heat_w: f64,
    current_a: f64,
}

impl Plate {
    fn new(series: u32, parallel: u32) -> Self {
        // A 40 mm module of the usual 127 couples.
        let ratings = Ratings { current_a: 6.4, voltage_v: 14.4, difference_k: 66.0, hot: Kelvin(300.0) };
        let bank = Bank { module: ratings.module().unwrap(), series, parallel };
        Self { bank, temperature: Kelvin(298.15), sink: Kelvin(308.15), heat_w: 16.0, current_a: 0.0 }
    }

    fn sensors(&self) -> Sensors {
        Sensors {
            object_degc: Celsius::from(self.temperature).0,
            sink_degc: Celsius::from(self.sink).0,
            voltage_v: self.bank.voltage_v(self.current_a, self.temperature, self.sink),
        }
    }

    fn advance(&mut self, device: &mut TecController, seconds: f64, mut seen: impl FnMut(&Self, &TecController)) {
        for _ in 0..(seconds * 10.0) as u32 {
            self.current_a = device.control(0.0, 0.1, self.sensors());
            let pumped_w = self.bank.cooling(self.current_a, self.temperature, self.sink).0;
            self.temperature.0 += (self.heat_w - pumped_w) * 0.1 / 400.0;
            seen(self, device);
        }
    }
}

fn regulating(plate: &mut Plate, limit_a: f64, target_degc: f64) -> TecController {
    let mut device = TecController::new(TecConfig::default());
    for (parameter, value) in
        [(id::CURRENT_LIMIT, limit_a), (id::VOLTAGE_LIMIT, 30.0), (id::TARGET_RAMP, 5.0 / 60.0), (id::TARGET_TEMPERATURE, target_degc)]
    {
        set(&mut device, 0.0, parameter, value);
    }
    enable(&mut device, 0.0);
    plate.advance(&mut device, 600.0, |_, _| {});
    device
}

/// Banks that move 14, 28 and 42 W an ampere, with the current they are good for.
const BANKS: [(u32, u32, f64); 3] = [(1, 6, 16.0), (2, 3, 8.0), (3, 2, 8.0)];

#[test]
fn it_follows_ramps_of_5_k_a_minute() {
    for (series, parallel, limit_a) in BANKS {
        let mut plate = Plate::new(series, parallel);
        let mut device = regulating(&mut plate, limit_a, 25.0);
        for target in [15.0, 35.0, 20.0] {
            set(&mut device, 0.0, id::TARGET_TEMPERATURE, target);
            let mut worst = 0.0_f64;
            plate.advance(&mut device, 420.0, |plate, device| {
                let nominal = device.regulator.as_ref().unwrap().nominal_degc();
                worst = worst.max((plate.sensors().object_degc - nominal).abs());
            });
            assert!(worst < 0.2, "{series}s{parallel}p to {target} °C: {worst} K behind its ramp");
            assert!((plate.sensors().object_degc - target).abs() < 0.01);
            assert_eq!(read(&mut device, 0.0, id::TEMPERATURE_STABLE), Some(int(2)));
        }
    }
}

#[test]
fn it_holds_against_load_steps_of_56_w() {
    for (series, parallel, limit_a) in BANKS {
        let mut plate = Plate::new(series, parallel);
        let mut device = regulating(&mut plate, limit_a, 22.0);
        for heat_w in [72.0, 16.0] {
            plate.heat_w = heat_w;
            let mut worst = 0.0_f64;
            plate.advance(&mut device, 120.0, |plate, _| worst = worst.max((plate.sensors().object_degc - 22.0).abs()));
            assert!(worst < 2.0, "{series}s{parallel}p with {heat_w} W: {worst} K off");
            assert!((plate.sensors().object_degc - 22.0).abs() < 0.02);
        }
    }
}

#[test]
fn a_long_saturation_winds_nothing_up() {
    let mut plate = Plate::new(2, 3);
    let mut device = regulating(&mut plate, 8.0, 25.0);
    set(&mut device, 0.0, id::CURRENT_LIMIT, 0.5);
    plate.heat_w = 60.0;
    plate.advance(&mut device, 60.0, |_, _| {});
    assert!(plate.sensors().object_degc > 27.0, "it was to be too weak");
    plate.heat_w = 10.0;
    set(&mut device, 0.0, id::CURRENT_LIMIT, 8.0);
    let mut lowest = f64::MAX;
    plate.advance(&mut device, 300.0, |plate, _| lowest = lowest.min(plate.sensors().object_degc));
    assert!(lowest > 24.0, "undershot to {lowest} °C");
}

#[test]
fn the_voltage_limit_holds_the_current_back() {
    let mut plate = Plate::new(2, 3);
    let mut device = regulating(&mut plate, 8.0, 25.0);
    set(&mut device, 0.0, id::VOLTAGE_LIMIT, 5.0);
    set(&mut device, 0.0, id::TARGET_RAMP, 100.0);
    set(&mut device, 0.0, id::TARGET_TEMPERATURE, -15.0);
    plate.advance(&mut device, 5.0, |_, _| {});
    plate.advance(&mut device, 10.0, |plate, _| {
        let v = plate.sensors().voltage_v;
        assert!(v < 5.0 * 1.06, "{v} V");
    });
    assert!(plate.current_a > 1.0, "it still cools");
}

#[test]
fn a_device_wired_the_other_way_reports_the_other_sign() {
    let mut plate = Plate::new(2, 3);
    let mut device = regulating(&mut plate, 8.0, 15.0);
    let amps = |answer| match answer {
        Some(Answer::Bits(bits)) => f32::from_bits(bits),
        other => panic!("{other:?}"),
    };
    assert!(amps(read(&mut device, 0.0, id::OUTPUT_CURRENT)) > 0.5, "cooling is positive");
    write(&mut device, 0.0, id::POSITIVE_CURRENT_IS, Value::Int(1));
    assert!(amps(read(&mut device, 0.0, id::OUTPUT_CURRENT)) < -0.5);
    assert!(amps(read(&mut device, 0.0, id::OUTPUT_VOLTAGE)) < -0.5);
    assert!(device.control(0.0, 0.1, plate.sensors()) > 0.5, "what flows is the same");
}

#[test]
fn whoever_drives_it_without_the_protocol_gets_the_same_device() {
    let mut device = TecController::new(TecConfig::default());
    device.set_target(f64::NAN);
    assert_eq!(device.target_degc(), 25.0, "refused");
    device.set_target(20.0);
    device.set_output(true);
    device.set_output(true);
    assert_eq!(device.events(), ["output on, target 20.00 °C"]);
    assert!(device.output_on() && device.target_degc() == 20.0);
}

proptest! {
    /// Whatever arrives and whatever the sensors say, the demand stays within the limits and nothing panics.
    #[test]
    fn no_bytes_and_no_sensors_drive_it_beyond_its_limits(
        steps in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..40), proptest::num::f64::ANY, -50.0..150.0_f64, 0.0..40.0_f64, 0.0..1.0_f64),
            1..40,
        ),
        limit in 0.0..16.0_f64,
    ) {
        let mut device = TecController::new(TecConfig::default());
        set(&mut device, 0.0, id::CURRENT_LIMIT, limit);
        enable(&mut device, 0.0);
        let mut wall_s = 0.0;
        for (bytes, wild, object_degc, voltage_v, dt) in steps {
            wall_s += dt;
            device.receive(wall_s, &bytes);
            let object_degc = if dt < 0.05 { wild } else { object_degc };
            let current = device.control(wall_s, dt, Sensors { object_degc, sink_degc: 30.0, voltage_v });
            prop_assert!(current.abs() <= limit * 1.001, "{} A of {}", current, limit);
        }
    }
}
