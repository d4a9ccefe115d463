//! An emulated Modbus device: the registers of a map, an output, and a watchdog if the map has a register for one.
//!
//! Strict as the specification is: unknown functions, entries that the map does not have, entries that are only read and values
//! out of place are refused by exception. Which plant stands behind it is up to whoever sets and reads its values by name.

use crate::wired::{Ailment, Wired};
use rig::protocol::modbus::{Decoder, Exception, Heard, Register, RegisterMap, Reply, Request, Table, identity};
use std::collections::BTreeMap;

/// What one device is.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusConfig {
    /// Address on its line, 1 to 247.
    pub address: u8,
    /// Its registers.
    pub map: RegisterMap,
    /// What they hold after power-up; the rest is 0.
    pub power_up: Vec<(String, f64)>,
    /// Name of the register or coil that switches its output, if it has one.
    pub output: Option<String>,
    /// Name of the register that holds its watchdog's time, s; 0 disables it.
    pub watchdog: Option<String>,
    /// Name of the register that a serial number can be read from.
    pub serial_number: Option<String>,
    /// What it says to Read Device Identification: its revision; `None` where it does not know the question.
    pub revision: Option<String>,
}

/// The device.
#[derive(Debug)]
pub struct ModbusDevice {
    config: ModbusConfig,
    decoder: Decoder,
    words: BTreeMap<(Table, u16), u16>,
    heard_s: f64,
    events: Vec<String>,
}

impl ModbusDevice {
    /// A device just powered up.
    pub fn new(config: ModbusConfig) -> Self {
        let mut device = Self { decoder: Decoder::new(config.address), config, words: BTreeMap::new(), heard_s: 0.0, events: Vec::new() };
        device.power_up();
        device
    }

    fn power_up(&mut self) {
        self.words.clear();
        for register in &self.config.map.registers {
            for at in register.span() {
                self.words.insert((register.table, at), 0);
            }
        }
        for (name, value) in self.config.power_up.clone() {
            self.set(&name, value);
        }
    }

    /// Sets a value from the plant's side, writable or not. What its registers cannot hold leaves it as it was.
    pub fn set(&mut self, name: &str, value: f64) {
        let Some(register) = self.config.map.get(name).cloned() else { return };
        if register.table.bits() {
            self.words.insert((register.table, register.at), u16::from(value != 0.0));
        } else if let Ok(words) = register.kind.encode(register.order, (value - register.offset) / register.scale) {
            for (at, word) in register.span().zip(words) {
                self.words.insert((register.table, at), word);
            }
        }
    }

    /// A value as it stands, if the map has it and it is a number.
    pub fn get(&self, name: &str) -> Option<f64> {
        let register = self.config.map.get(name)?;
        let words: Vec<u16> = register.span().filter_map(|at| self.words.get(&(register.table, at)).copied()).collect();
        if register.table.bits() {
            return words.first().map(|word| f64::from(*word));
        }
        register.kind.decode(register.order, &words).map(|number| register.scale * number + register.offset)
    }

    fn register_at(&self, table: Table, at: u16) -> Option<&Register> {
        self.config.map.registers.iter().find(|r| r.table == table && r.span().contains(&at))
    }

    fn serve(&mut self, heard: &Heard) -> Reply {
        let was = self.output_on();
        let reply = Request::parse(&heard.pdu).and_then(|request| self.obey(&request)).unwrap_or_else(Reply::Exception);
        let is = self.output_on();
        if was != is {
            self.events.push(if is { "output on" } else { "output off" }.to_owned());
        }
        reply
    }

    fn obey(&mut self, request: &Request) -> Result<Reply, Exception> {
        match request {
            Request::Read { table, at, count } => {
                let entries = (0..*count).map(|n| at.checked_add(n).and_then(|at| self.words.get(&(*table, at)).copied()));
                let words = entries.collect::<Option<Vec<u16>>>().ok_or(Exception::IllegalAddress)?;
                Ok(if table.bits() { Reply::Bits(words.iter().map(|w| *w != 0).collect()) } else { Reply::Registers(words) })
            }
            Request::WriteCoil { at, on } => self.write(Table::Coils, *at, &[u16::from(*on)]),
            Request::WriteRegister { at, value } => self.write(Table::HoldingRegisters, *at, &[*value]),
            Request::WriteCoils { at, values } => {
                self.write(Table::Coils, *at, &values.iter().map(|on| u16::from(*on)).collect::<Vec<_>>())
            }
            Request::WriteRegisters { at, values } => self.write(Table::HoldingRegisters, *at, values),
        }
    }

    /// All or nothing: one entry that cannot be written refuses the rest.
    fn write(&mut self, table: Table, from: u16, values: &[u16]) -> Result<Reply, Exception> {
        let places = (0..values.len()).map(|n| u16::try_from(n).ok().and_then(|n| from.checked_add(n)));
        let places = places.collect::<Option<Vec<u16>>>().ok_or(Exception::IllegalAddress)?;
        if !places.iter().all(|at| self.register_at(table, *at).is_some_and(|r| r.writable)) {
            return Err(Exception::IllegalAddress);
        }
        for (at, value) in places.into_iter().zip(values) {
            self.words.insert((table, at), *value);
        }
        Ok(Reply::Written)
    }

    fn switch_off(&mut self, why: &str) {
        if let Some(output) = self.config.output.clone().filter(|_| self.output_on()) {
            self.set(&output, 0.0);
            self.events.push(format!("{why}: output off"));
        }
    }
}

impl Wired for ModbusDevice {
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        // First, so that no frame revives an output whose lease has run out.
        self.pass(wall_s);
        self.decoder.push(bytes);
        let mut replies = Vec::new();
        while let Some(heard) = self.decoder.pop() {
            self.heard_s = wall_s;
            if let Some(revision) = self.config.revision.as_deref().filter(|_| identity::asks(&heard.pdu)) {
                replies.extend(identity::reply(self.config.address, ["orbitbench", "emulated", revision]));
                continue;
            }
            let reply = self.serve(&heard);
            if !heard.broadcast {
                replies.extend(reply.encode(self.config.address, &heard.pdu));
            }
        }
        replies
    }

    fn pass(&mut self, wall_s: f64) {
        let limit_s = self.config.watchdog.as_deref().and_then(|name| self.get(name)).unwrap_or(0.0);
        if limit_s > 0.0 && wall_s - self.heard_s > limit_s {
            self.switch_off(&format!("watchdog: no request for {limit_s} s"));
        }
    }

    fn output_on(&self) -> bool {
        self.config.output.as_deref().and_then(|name| self.get(name)).is_some_and(|value| value != 0.0)
    }

    fn has_watchdog(&self) -> bool {
        self.config.watchdog.is_some()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => {
                if let Some((name, number)) = self.config.serial_number.clone().zip(serial_number.parse::<u32>().ok()) {
                    self.config.power_up.retain(|(known, _)| *known != name);
                    self.config.power_up.push((name, f64::from(number)));
                }
            }
            Ailment::WatchdogFires => return self.switch_off("watchdog fired"),
        }
        self.decoder.clear();
        self.heard_s = wall_s;
        self.power_up();
        self.events.push("powered up, output off".to_owned());
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests;
