//! Register maps: what a vendor's table says of a device, as TOML tables `[register.NAME]` or as built by hand.
//!
//! ```toml
//! [register.supply]
//! table = "input"            # coil, discrete, holding (default) or input
//! address = 2                # as on the wire, from 0: "30003" in a vendor's table is input register 2
//! type = "i16"               # u16 (default), i16, u32, i32, f32; bits have none
//! word_order = "low_first"   # of two registers; high_first by default
//! scale = 0.1                # value = scale x number + offset
//! unit = "degc"
//! writable = false
//! ```

use super::{Answer, Kind, Request, Table, ValueError, WordOrder};
use signal::Section;
use std::ops::RangeInclusive;

/// One value of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// NAME.
    pub name: String,
    /// Where it is.
    pub table: Table,
    /// First register, or the coil.
    pub at: u16,
    /// How its registers are to be read; of no meaning for bits.
    pub kind: Kind,
    /// Of two registers.
    pub order: WordOrder,
    /// Value = scale x number + offset.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Unit of the value, for people.
    pub unit: String,
    /// A host may set it.
    pub writable: bool,
}

/// The values of one device, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegisterMap {
    /// Every one; names and places are unique.
    pub registers: Vec<Register>,
}

impl Register {
    /// A holding register of one word, read only, taken as it is.
    pub fn plain(name: &str, table: Table, at: u16) -> Self {
        Self {
            name: name.to_owned(),
            table,
            at,
            kind: Kind::U16,
            order: WordOrder::default(),
            scale: 1.0,
            offset: 0.0,
            unit: String::new(),
            writable: false,
        }
    }

    /// Entries of its table that it takes.
    pub const fn count(&self) -> u16 {
        if self.table.bits() { 1 } else { self.kind.registers() }
    }

    /// Where it is.
    pub fn span(&self) -> RangeInclusive<u16> {
        self.at..=self.at.saturating_add(self.count() - 1)
    }

    /// The question that reads it.
    pub const fn read(&self) -> Request {
        Request::Read { table: self.table, at: self.at, count: self.count() }
    }

    /// The request that sets it: one register by function 6, two by function 16, a coil by function 5.
    pub fn write(&self, value: f64) -> Result<Request, ValueError> {
        if self.table.bits() {
            return Ok(Request::WriteCoil { at: self.at, on: value != 0.0 });
        }
        let mut values = self.kind.encode(self.order, (value - self.offset) / self.scale)?;
        Ok(match (values.len(), values.pop()) {
            (1, Some(value)) => Request::WriteRegister { at: self.at, value },
            (_, last) => Request::WriteRegisters { at: self.at, values: values.into_iter().chain(last).collect() },
        })
    }

    /// The value in the answer to a question that began at `from` of its table. `None` if it is not in there, or no number.
    pub fn value(&self, answer: &Answer, from: u16) -> Option<f64> {
        let at = usize::from(self.at.checked_sub(from)?);
        let number = match answer {
            Answer::Bits(bits) => f64::from(u8::from(*bits.get(at)?)),
            Answer::Registers(values) => self.kind.decode(self.order, values.get(at..at + usize::from(self.count()))?)?,
            Answer::Written | Answer::Refused(_) => return None,
        };
        let value = if self.table.bits() { number } else { self.scale * number + self.offset };
        value.is_finite().then_some(value)
    }
}

impl RegisterMap {
    /// Reads every `[register.NAME]` under this table; contradictions are told to the document.
    pub fn read(parent: &Section<'_>) -> Self {
        let mut map = Self::default();
        for (name, section) in parent.section("register").named_sections() {
            let register = register(name, &section);
            let beside = |other: &&Register| {
                other.table == register.table
                    && other.span().start() <= register.span().end()
                    && register.span().start() <= other.span().end()
            };
            if let Some(other) = map.registers.iter().find(beside) {
                section.problem("address", format_args!("lies upon \"{}\" at {} of the same table", other.name, other.at));
            }
            map.registers.push(register);
        }
        map
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Register> {
        self.registers.iter().find(|r| r.name == name)
    }

    /// The fewest questions that read these values: neighbours in one, and no entry that the map does not know, since devices
    /// refuse a whole question for one entry that they do not have.
    pub fn questions(&self, names: &[&str]) -> Vec<Request> {
        let mut wanted: Vec<&Register> = self.registers.iter().filter(|r| names.contains(&r.name.as_str())).collect();
        wanted.sort_by_key(|r| (r.table, r.at));
        let mut questions: Vec<Request> = Vec::new();
        for register in wanted {
            if let Some(Request::Read { table, at, count }) = questions.last_mut()
                && *table == register.table
                && u32::from(*at) + u32::from(*count) == u32::from(register.at)
                && *count + register.count() <= table.most()
            {
                *count += register.count();
            } else {
                questions.push(register.read());
            }
        }
        questions
    }
}

fn register(name: String, section: &Section<'_>) -> Register {
    let tables = [
        ("holding", Table::HoldingRegisters),
        ("input", Table::InputRegisters),
        ("coil", Table::Coils),
        ("discrete", Table::DiscreteInputs),
    ];
    let kinds = [("u16", Kind::U16), ("i16", Kind::I16), ("u32", Kind::U32), ("i32", Kind::I32), ("f32", Kind::F32)];
    let orders = [("high_first", WordOrder::HighFirst), ("low_first", WordOrder::LowFirst)];
    let register = Register {
        name,
        table: section.choice_or("table", &tables, Table::HoldingRegisters),
        at: section.integer("address", 0..=65_535) as u16,
        kind: section.choice_or("type", &kinds, Kind::U16),
        order: section.choice_or("word_order", &orders, WordOrder::default()),
        scale: section.number_or("scale", -1e9..=1e9, 1.0),
        offset: section.number_or("offset", -1e9..=1e9, 0.0),
        unit: section.optional_text("unit", "the unit of the value").unwrap_or_default(),
        writable: section.flag_or("writable", false),
    };
    if register.scale == 0.0 {
        section.problem("scale", "0 makes every value the same");
    }
    if register.writable && matches!(register.table, Table::InputRegisters | Table::DiscreteInputs) {
        section.problem("writable", "the protocol cannot write this table; use \"holding\" or \"coil\"");
    }
    if register.at.checked_add(register.count() - 1).is_none() {
        section.problem("address", "its second register would be beyond the last address");
    }
    register
}
