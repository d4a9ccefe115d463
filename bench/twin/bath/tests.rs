//! The bath alone: the manual's bytes, its clamps, its faults, and a litre of water that it regulates.

use super::*;
use proptest::prelude::*;
use rig::protocol::neslab::{Answer, Query};

const AT_62_5: BathSensors = BathSensors { bath_degc: 62.5, external_degc: f64::NAN, filled: true };

fn ask(bath: &mut Bath, request: Request) -> Option<Answer> {
    let query = Query::new(1, request).unwrap();
    query.find(&bath.receive(0.0, &query.encode()))
}

fn switch(bath: &mut Bath, unit: bool) {
    ask(bath, Request::Switch(Switches { unit: Some(unit), ..Switches::default() }));
}

#[test]
fn published_conversations_come_out_byte_for_byte() {
    let mut bath = Bath::new(BathConfig::default());
    bath.control(0.1, AT_62_5);
    for (request, reply) in [
        (&[0xCA, 0, 1, 0x20, 0, 0xDE][..], &[0xCA, 0, 1, 0x20, 3, 0x11, 0x02, 0x71, 0x57][..]),
        (&[0xCA, 0, 1, 0xF0, 2, 1, 0x2C, 0xDF], &[0xCA, 0, 1, 0xF0, 3, 0x11, 1, 0x2C, 0xCD]),
        (&[0xCA, 0, 1, 0x99, 0, 0x65], &[0xCA, 0, 1, 0x0F, 2, 1, 0x99, 0x53]),
        // Damaged, and to another bath.
        (&[0xCA, 0, 1, 0x20, 0, 0xDD], &[0xCA, 0, 1, 0x0F, 2, 3, 0x20, 0xCA]),
        (&[0xCA, 0, 2, 0x20, 0, 0xDD], &[]),
    ] {
        assert_eq!(bath.receive(0.0, request), reply, "{request:02X?}");
    }
    assert_eq!(bath.setpoint_degc(), 30.0);
}

#[test]
fn what_is_set_is_clamped_to_the_range_and_read_back_in_its_decimals() {
    let mut bath = Bath::new(BathConfig::default());
    let Some(Answer::Value(clamped)) = ask(&mut bath, Request::Set(Quantity::Setpoint, 9000)) else { panic!() };
    assert_eq!(clamped.value(), 150.0);
    ask(&mut bath, Request::Switch(Switches { fine: Some(true), ..Switches::default() }));
    ask(&mut bath, Request::Set(Quantity::Setpoint, 2512));
    assert_eq!(bath.setpoint_degc(), 25.12);
}

#[test]
fn faults_shut_it_down_and_have_names() {
    for (sensors, name) in [
        (BathSensors { filled: false, ..AT_62_5 }, "liquid level low"),
        (BathSensors { bath_degc: f64::NAN, ..AT_62_5 }, "RTD 1 open"),
        (BathSensors { bath_degc: 151.0, ..AT_62_5 }, "above the high limit"),
    ] {
        let mut bath = Bath::new(BathConfig::default());
        switch(&mut bath, true);
        assert!(bath.control(0.1, AT_62_5) < 0.0, "it cools towards 20 °C");
        assert_eq!(bath.control(0.1, sensors), 0.0);
        let Some(Answer::Status(status)) = ask(&mut bath, Request::Status) else { panic!() };
        assert_eq!((status.on(), status.faults()), (false, vec![name]));
    }
}

#[test]
fn it_brings_a_litre_of_water_to_its_set_point() {
    let mut bath = Bath::new(BathConfig::default());
    ask(&mut bath, Request::Set(Quantity::Setpoint, 150));
    switch(&mut bath, true);
    let mut degc = 25.0;
    for _ in 0..20_000 {
        let heat_w = bath.control(0.1, BathSensors { bath_degc: degc, external_degc: f64::NAN, filled: true });
        degc += (heat_w + 150.0) * 0.1 / 4180.0;
    }
    assert!((degc - 15.0).abs() < 0.05, "{degc} °C against 150 W");
}

#[test]
fn it_goes_on_after_a_power_failure_only_if_it_is_set_to() {
    for auto_restart in [false, true] {
        let mut bath = Bath::new(BathConfig::default());
        ask(&mut bath, Request::Switch(Switches { unit: Some(true), auto_restart: Some(auto_restart), ..Switches::default() }));
        bath.suffer(0.0, Ailment::PowerCycle);
        assert_eq!(bath.output_on(), auto_restart);
    }
}

proptest! {
    #[test]
    fn no_bytes_and_no_sensors_drive_it_beyond_its_limits(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xCA), 0..9_u8], 0..300),
        degc in proptest::num::f64::ANY,
    ) {
        let mut bath = Bath::new(BathConfig::default());
        switch(&mut bath, true);
        bath.receive(0.0, &bytes);
        let heat_w = bath.control(0.1, BathSensors { bath_degc: degc, external_degc: degc, filled: true });
        prop_assert!((-500.0..=2000.0).contains(&heat_w), "{heat_w}");
    }
}
