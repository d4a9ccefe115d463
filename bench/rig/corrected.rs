//! A driver whose readings are corrected by the calibration that the rig file declares, and whose target is turned the other way.
//! The driver inside speaks the instrument's numbers, everyone outside the bench's.

use crate::config::{Correction, Instrument};
use crate::driver::{Command, Driver, Effects, Event, Input};
use signal::{Celsius, Channel, Limits};

/// See the head of this file.
pub(crate) struct Corrected {
    inner: Box<dyn Driver>,
    reads: Vec<(Channel, Correction)>,
    /// That of the servoed channel.
    target: Correction,
}

impl Corrected {
    /// Wraps the driver that `make` builds of this instrument, if it declares any correction.
    pub(crate) fn around<E>(
        instrument: &Instrument,
        make: impl Fn(&Instrument) -> Result<Box<dyn Driver>, E>,
    ) -> Result<Box<dyn Driver>, E> {
        let reads: Vec<_> = instrument.reads.iter().map(|r| (r.channel, r.correction)).filter(|(_, c)| *c != Correction::NONE).collect();
        if reads.is_empty() {
            return make(instrument);
        }
        let held = |channel| instrument.setpoint.is_some_and(|setpoint| setpoint.channel == channel);
        let target = reads.iter().find(|(channel, _)| held(*channel)).map_or(Correction::NONE, |(_, c)| *c);
        let mut own = instrument.clone();
        if let Some(setpoint) = &mut own.setpoint {
            let (min, max) = (target.invert(setpoint.limits.min()), target.invert(setpoint.limits.max()));
            setpoint.limits = Limits::new(min, max).unwrap_or(setpoint.limits);
        }
        Ok(Box::new(Self { inner: make(&own)?, reads, target }))
    }

    fn outward(&self, event: Event) -> Event {
        match event {
            Event::Reading { tick, channel: Channel::TecTarget, value } => {
                Event::Reading { tick, channel: Channel::TecTarget, value: self.target.apply(value) }
            }
            Event::Reading { tick, channel, value } => {
                let correction = self.reads.iter().find(|(c, _)| *c == channel).map_or(Correction::NONE, |(_, c)| *c);
                Event::Reading { tick, channel, value: correction.apply(value) }
            }
            other => other,
        }
    }
}

impl Driver for Corrected {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects {
        let input = match input {
            Input::Command(Command::Target(target)) => Input::Command(Command::Target(Celsius(self.target.invert(target.0)))),
            other => other,
        };
        let effects = self.inner.step(now_s, input);
        Effects { events: effects.events.into_iter().map(|e| self.outward(e)).collect(), ..effects }
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn device(&self) -> String {
        self.inner.device()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Connection, DriverKind, MecomSettings, Read, Serial, Setpoint};

    /// Says a target back as a reading of the plate.
    struct Echo;

    impl Driver for Echo {
        fn step(&mut self, _now_s: f64, input: Input<'_>) -> Effects {
            let mut fx = Effects::default();
            if let Input::Command(Command::Target(target)) = input {
                for channel in [Channel::Plate, Channel::TecTarget, Channel::Sink] {
                    fx.events.push(Event::Reading { tick: 1, channel, value: target.0 });
                }
            }
            fx
        }

        fn describe(&self) -> String {
            "an echo".to_owned()
        }
    }

    #[test]
    fn the_bench_sees_its_own_numbers_and_the_instrument_its() {
        let mecom = MecomSettings::limited(3.0, 1.0, 1.0);
        let mut instrument = Instrument {
            name: "tec".into(),
            driver: DriverKind::Mecom(mecom),
            connection: Connection::Emulated,
            line: None,
            output_of: None,
            serial: Serial::n81(57_600),
            reply_timeout_s: 0.1,
            reads: vec![Read::plain("object_temperature", Channel::Plate), Read::plain("sink_temperature", Channel::Sink)],
            setpoint: Limits::new(5.0, 60.0).map(|limits| Setpoint { channel: Channel::Plate, limits, rate_k_min: 8.0 }),
            drive: None,
        };
        instrument.reads[0].correction = Correction { gain: 1.02, offset: -0.3 };
        let make = |own: &Instrument| {
            let limits = own.setpoint.expect("a setpoint").limits;
            assert!((1.02 * limits.min() - 0.3 - 5.0).abs() < 1e-12, "the limits are the instrument's");
            Ok::<_, ()>(Box::new(Echo) as Box<dyn Driver>)
        };
        let mut driver = Corrected::around(&instrument, make).expect("a driver");
        let told = driver.step(0.0, Input::Command(Command::Target(Celsius(20.0)))).events;
        let value = |n: usize| if let Event::Reading { value, .. } = told[n] { value } else { f64::NAN };
        assert!((value(0) - 20.0).abs() < 1e-12 && (value(1) - 20.0).abs() < 1e-12, "{told:?}");
        assert!((value(2) - 20.3 / 1.02).abs() < 1e-12, "the sink has no correction: {told:?}");
    }
}
