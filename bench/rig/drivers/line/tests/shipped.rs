//! Shipped dialects against devices in the states in which they are found: a meter that was never started, a sensor that is not there, a
//! supply that listens to its panel, alarms in words.

use super::*;

/// What a device says to a line.
type Answer<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// A device of the answers that `answer` gives, at the other end of the line.
struct Talk<'a> {
    driver: Line,
    answer: Box<Answer<'a>>,
    heard: Vec<String>,
    buffer: Vec<u8>,
    events: Vec<Event>,
    now_s: f64,
    deadline_s: Option<f64>,
}

impl<'a> Talk<'a> {
    fn opened(instrument: &Instrument, answer: impl FnMut(&str) -> Option<String> + 'a) -> Self {
        let driver = Line::new(instrument).unwrap();
        let (heard, buffer, events) = (Vec::new(), Vec::new(), Vec::new());
        let mut talk = Self { driver, answer: Box::new(answer), heard, buffer, events, now_s: 0.0, deadline_s: None };
        talk.feed(Input::Opened);
        talk.pass(8.0);
        talk
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut fx = self.driver.step(self.now_s, input);
        loop {
            self.deadline_s = fx.deadline_s;
            self.events.append(&mut fx.events);
            self.buffer.append(&mut fx.send);
            let mut said = Vec::new();
            while let Some(at) = self.buffer.iter().position(|b| *b == b'\n' || *b == b'\r') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if !line.is_empty() {
                    said.extend((self.answer)(&line).into_iter().flat_map(|answer| (answer + "\r\n").into_bytes()));
                    self.heard.push(line);
                }
            }
            if said.is_empty() {
                return;
            }
            fx = self.driver.step(self.now_s, Input::Bytes(&said));
        }
    }

    fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        while let Some(deadline_s) = self.deadline_s.filter(|d| *d <= until_s) {
            self.now_s = self.now_s.max(deadline_s);
            self.feed(Input::Deadline);
        }
        self.now_s = until_s;
    }

    /// What a poll reads.
    fn polled(&mut self) -> Vec<(Channel, f64)> {
        assert!(self.events.contains(&Event::Ready), "{:?}", self.events);
        self.events.clear();
        self.feed(Input::Command(Command::Poll { tick: 3 }));
        self.pass(3.0);
        assert!(self.events.contains(&Event::PollDone { tick: 3 }), "{:?}", self.events);
        let reading = |event: &Event| if let Event::Reading { channel, value, .. } = event { Some((*channel, *value)) } else { None };
        self.events.iter().filter_map(reading).collect()
    }

    fn error(&self) -> Option<(i32, &str)> {
        self.events.iter().find_map(|e| if let Event::DeviceError { number, words } = e { Some((*number, &**words)) } else { None })
    }
}

/// An instrument of a shipped dialect that only reads these, or, with a role, drives.
fn shipped(name: &str, reads: &[(&str, Channel)], drive: Option<Drive>) -> Instrument {
    let text = crate::dialect::builtin().iter().find(|(known, _)| *known == name).unwrap().1;
    let dialect = Arc::new(Dialect::parse(name, text).unwrap());
    let plain = instrument(SafeAction::Off);
    let DriverKind::Line(settings) = plain.driver else { unreachable!() };
    let settings = LineSettings { dialect, lease_s: None, current_limit_a: Some(1.0), serial_number: None, firmware: None, ..settings };
    let reads = reads.iter().map(|(name, channel)| Read::plain(name, *channel)).collect();
    Instrument { driver: DriverKind::Line(settings), reads, drive, ..instrument(SafeAction::Off) }
}

/// A WT310 whose integrator is in this state, and which says of energy what that has. Its headers are off already, as another program left them.
fn meter(state: &mut &'static str, line: &str) -> Option<String> {
    headed_meter(&mut false, state, line)
}

/// One whose answers come with headers or not; that of the integrator's state, which is no setting, without one.
fn headed_meter(headers: &mut bool, state: &mut &'static str, line: &str) -> Option<String> {
    let header = if *headers { line.strip_suffix('?').map_or_else(String::new, |header| format!("{header} ")) } else { String::new() };
    let said = match line {
        ":COMM:HEAD?" => return Some(format!("{header}{}", u8::from(*headers))),
        ":COMM:HEAD OFF" => {
            *headers = false;
            return None;
        }
        "*IDN?" => "YOKOGAWA,WT310E,C2UA,F1.03",
        ":NUM:NORM:ITEM1?" => return Some(format!("{header}P,1")),
        ":NUM:NORM:ITEM2?" => return Some(format!("{header}WH,1")),
        ":RATE?" => return Some(format!("{header}100.0E-03")),
        ":INTEG:STAT?" => state,
        ":INTEG:STAR" => {
            assert_ne!(*state, "START", "it runs, and would complain");
            *state = "START";
            return None;
        }
        ":NUM:NORM:VAL? 1" => "39.87E+00",
        ":NUM:NORM:VAL? 2" if *state == "START" => "1.5E+00",
        ":NUM:NORM:VAL? 2" => "NAN",
        ":STAT:ERR?" => "0,\"NO ERROR\"",
        _ => return None,
    };
    Some(said.to_owned())
}

const BOTH: [(&str, Channel); 2] = [("power", Channel::MeterPower), ("energy", Channel::MeterEnergy)];

#[test]
fn an_integrator_is_started_where_its_energy_is_read() {
    let read = [(Channel::MeterPower, 39.87), (Channel::MeterEnergy, 5400.0)];
    for (found, starts) in [("RESET", 1), ("STOP", 1), ("START", 0)] {
        let mut state = found;
        let mut talk = Talk::opened(&shipped("yokogawa-wt", &BOTH, None), |line| meter(&mut state, line));
        assert_eq!(talk.polled(), read, "found as {found}");
        assert_eq!(talk.heard.iter().filter(|line| *line == ":INTEG:STAR").count(), starts, "found as {found}");
    }
    // Whoever reads no energy leaves it as it is.
    let mut state = "RESET";
    let mut talk = Talk::opened(&shipped("yokogawa-wt", &BOTH[..1], None), |line| meter(&mut state, line));
    assert_eq!(talk.polled(), read[..1]);
    assert!(!talk.heard.iter().any(|line| line.contains("INTEG")), "{:?}", talk.heard);
}

/// Whoever was here before, with its headers on or off: it is told to leave them out, and is understood.
#[test]
fn a_meter_with_headers_on_or_off_is_taken() {
    for mut headers in [true, false] {
        let mut state = "RESET";
        let mut talk = Talk::opened(&shipped("yokogawa-wt", &BOTH, None), |line| headed_meter(&mut headers, &mut state, line));
        assert_eq!(talk.polled(), [(Channel::MeterPower, 39.87), (Channel::MeterEnergy, 5400.0)]);
    }
    // One that keeps them is refused, and is not misread.
    let mut state = "RESET";
    let talk = Talk::opened(&shipped("yokogawa-wt", &BOTH, None), |line| headed_meter(&mut true, &mut state, line));
    assert!(!talk.events.contains(&Event::Ready), "{:?}", talk.events);
}

/// Energy that is not a number is a reading that is missing; power that is none keeps the meter from being ready.
#[test]
fn no_energy_is_no_reason_to_be_without_power() {
    let instrument = shipped("yokogawa-wt", &BOTH, None);
    let mut state = "START";
    let mut talk = Talk::opened(&instrument, |line| if line.ends_with("VAL? 2") { Some("NAN".into()) } else { meter(&mut state, line) });
    assert_eq!(talk.polled(), [(Channel::MeterPower, 39.87)]);
    let mut state = "START";
    let talk = Talk::opened(&instrument, |line| if line.ends_with("VAL? 1") { Some("NAN".into()) } else { meter(&mut state, line) });
    assert!(!talk.events.contains(&Event::Ready), "{:?}", talk.events);
}

#[test]
fn a_sensor_that_is_not_enabled_reads_nothing() {
    let cell = std::cell::Cell::new(true);
    let answer = |line: &str| {
        let there = cell.get();
        let said = match line {
            "{M1B****" => "{S1B0444",
            "{M01****" if there => "{S0109C4",
            "{M01****" => "{S017FFF",
            "{M05****" => "{S050000",
            _ => return None,
        };
        Some(said.to_owned())
    };
    let mut talk = Talk::opened(&shipped("huber", &[("bath_temperature", Channel::CoolantReturn)], None), answer);
    assert_eq!(talk.polled(), [(Channel::CoolantReturn, 25.0)]);
    cell.set(false);
    talk.events.push(Event::Ready);
    assert_eq!(talk.polled(), [], "and not 327.67 degC");
}

fn lamp() -> Drive {
    let level = Level { name: "voltage".into(), unit: "v".into(), limits: Limits::new(0.0, 20.0).unwrap(), start: 0.0 };
    Drive { role: Role::SunLamp, level: Some(level), safe: SafeAction::Off, sun: None }
}

/// An output left on from the panel is switched off, because the supply is taken over before it is told anything.
#[test]
fn a_supply_in_its_panels_hand_is_taken_over_first() {
    for (who, local) in [("HEWLETT-PACKARD,E3634A,0,1.4", true), ("KEYSIGHT,N5744A,1,1.0", false), ("ITECH,IT6722,1,1.0", true)] {
        let (mut on, mut remote, mut limit) = (true, !local, 9.0);
        let answer = |line: &str| match line {
            "*IDN?" => Some(who.to_owned()),
            "OUTP?" => Some(u8::from(on).to_string()),
            "CURR?" => Some(format!("{limit}")),
            "SYST:ERR?" => Some("+0,\"No error\"".to_owned()),
            "SYST:REM" => {
                assert!(local, "{who} was not to be told");
                remote = true;
                None
            }
            "OUTP OFF" if remote => {
                on = false;
                None
            }
            _ => {
                let asked = line.strip_prefix("CURR ").filter(|_| remote).and_then(|amps| amps.parse().ok());
                limit = asked.unwrap_or(limit);
                None
            }
        };
        let talk = Talk::opened(&shipped("scpi-supply", &[], Some(lamp())), answer);
        assert!(talk.events.contains(&Event::Ready), "{who}: {:?}", talk.events);
        assert!(talk.events.contains(&Event::OutputConfirmed { on: false }), "{who}: {:?}", talk.events);
    }
}

/// What devices say of their errors, and which number and words come of it.
#[test]
fn errors_are_told_by_their_number_and_words() {
    let julabo = |status: &'static str| {
        let answer = move |line: &str| match line {
            "VERSION" => Some("JULABO F25-ED VERSION 5.0".to_owned()),
            "IN_PV_00" => Some("22.05".to_owned()),
            "STATUS" => Some(status.to_owned()),
            _ => None,
        };
        let talk = Talk::opened(&shipped("julabo", &[("bath_temperature", Channel::CoolantReturn)], None), answer);
        assert!(talk.events.contains(&Event::Ready), "{status}: {:?}", talk.events);
        talk.error().map(|(number, words)| (number, words.to_owned()))
    };
    for none in ["03 REMOTE START", "00 MANUAL STOP", "02 REMOTE STOP", "Hello from the simulated Julabo"] {
        assert_eq!(julabo(none), None, "{none}");
    }
    let (number, words) = julabo("-01 LOW LEVEL ALARM").expect("an alarm");
    assert_eq!((number, &*words), (-1, "the instrument says \"-01 LOW LEVEL ALARM\""));

    let arroyo = |said: &'static str| {
        let answer = move |line: &str| match line {
            "*IDN?" => Some("Arroyo 5240 1234567 v2.34".to_owned()),
            "TEC:LIM:ITE?" => Some("1.0".to_owned()),
            "TEC:MODE?" => Some("T".to_owned()),
            "TEC:T?" => Some("25.0".to_owned()),
            "ERRSTR?" => Some(said.to_owned()),
            _ => None,
        };
        let talk = Talk::opened(&shipped("arroyo", &[("object_temperature", Channel::CoolantReturn)], None), answer);
        assert!(talk.events.contains(&Event::Ready), "{said}: {:?}", talk.events);
        talk.error().map(|(number, words)| (number, words.to_owned()))
    };
    for none in ["0", "0,\"No error\"", "0,\"NO ERROR\""] {
        assert_eq!(arroyo(none), None, "{none}");
    }
    for limit in ["407", "407,\"Temperature limit interlock\"", "407,402"] {
        let (number, words) = arroyo(limit).expect("an error");
        assert!(number == 407 && words.ends_with(": temperature limit"), "{limit}: {number} {words}");
    }
    let (number, words) = arroyo("999").expect("an error");
    assert!(number == 999 && words.ends_with("not in the dialect's list"), "{words}");
}
