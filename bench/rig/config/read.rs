//! Reading of a rig file: first what each table says, then whether the tables agree.

mod channel;
mod instrument;
mod shared;

use super::{
    AcceleratorRule, CalibrationRule, CommissioningRule, Connection, CoolantRule, DeviceSettings, Instrument, Interface, InterlockRule,
    Mass, RigFile, SCALE, Scale, Waiver, WeighingRule,
};
use channel::channels;
pub(super) use instrument::instrument;
use signal::Section;

/// The only layout of rig files there is.
const SCHEMA: i64 = 1;
/// Board powers that a rig may declare, W.
const WATTS: std::ops::RangeInclusive<f64> = 0.0..=5000.0;

pub(super) fn rig(root: &Section<'_>) -> RigFile {
    let schema = root.integer("schema", 1..=i64::from(u32::MAX));
    if schema != SCHEMA {
        root.problem("schema", format_args!("{schema} is not known: this version reads rig files of schema {SCHEMA}"));
    }
    let name = root.text("name", "the rig's short name");
    let title = root.text("title", "one line that says what the rig is");
    let table = root.section("interface");
    let interface = Interface::read(&table);
    let coolant = CoolantRule::read(&root.optional_section("coolant"));
    let interlock = InterlockRule::read(&root.optional_section("interlock"));
    let mut instruments = instruments(root);
    shared::lines(root, &instruments);
    let channels = channels(root, interface.servo_node.role(), &mut instruments);
    leases(root, &instruments);
    interface.check(&table, &channels, &instruments, coolant.is_some());
    if let Some(coolant) = &coolant {
        coolant.check(&root.optional_section("coolant"), &channels);
    }
    let accelerator = accelerator(&root.section("accelerator"), &instruments);
    let masses = named(root, "mass", Mass::read);
    let weighing = WeighingRule::read(&root.optional_section("weighing"));
    let scale = Scale::read(&root.optional_section(SCALE));
    let commissioning = CommissioningRule::read(&root.optional_section("commissioning"));
    let calibration = CalibrationRule::read(&root.optional_section("calibration"));
    let signed = root.optional_section("waiver");
    let waiver = Waiver::read(&signed);
    let rig = RigFile {
        name,
        title,
        interface,
        coolant,
        interlock,
        instruments,
        channels,
        accelerator,
        masses,
        weighing,
        scale,
        commissioning,
        calibration,
        waiver,
    };
    if let Some(waiver) = &rig.waiver {
        waiver.check(&signed, &rig.risks());
    }
    rig
}

/// Reads every `[instrument.NAME]`: devices first, since their further outputs take what is said of them.
fn instruments(root: &Section<'_>) -> Vec<Instrument> {
    let sections = root.optional_section("instrument").named_sections();
    let device = |section: &Section<'_>| section.optional_text("output_of", "the NAME of the [instrument.NAME] whose output it is");
    let mut devices: Vec<Instrument> =
        sections.iter().filter(|(_, section)| device(section).is_none()).map(|(name, section)| instrument(name.clone(), section)).collect();
    for one in &mut devices {
        if let super::DriverKind::Mecom(mecom) = &mut one.driver {
            mecom.several = sections.iter().any(|(_, section)| device(section).is_some_and(|of| of == one.name));
        }
    }
    let mut all = Vec::new();
    for (name, section) in &sections {
        let found = |wanted: &str| devices.iter().find(|one| one.name == wanted);
        match device(section) {
            None => all.extend(found(name).cloned()),
            Some(of) => match found(&of) {
                Some(device) => all.push(instrument::output(name.clone(), section, device)),
                None => section.problem(
                    "output_of",
                    format_args!("\"{of}\" is no device of this rig: name an [instrument.NAME] that says where it is"),
                ),
            },
        }
    }
    all
}

/// What must keep running is on no device that switches its outputs off when the host falls silent; what must go off is on no device that
/// was told not to. A device has one watchdog for all its outputs.
fn leases(root: &Section<'_>, instruments: &[Instrument]) {
    for (name, section) in root.optional_section("instrument").named_sections() {
        let Some(device) = instruments.iter().find(|i| i.name == name && i.output_of.is_none()) else { continue };
        let keeps = instruments.iter().find(|i| i.device() == name && i.safe_is_on());
        let role = keeps.and_then(|i| i.drive.as_ref()).map_or("", |drive| drive.role.word());
        match (device.lease_s(), keeps) {
            (Some(lease_s), Some(output)) => section.problem(
                "lease_s",
                format_args!(
                    "after {lease_s} s of silence the device would switch off {role} (\"{}\"), which must keep running when everything else \
                     has stopped: drive it by a device of its own without a watchdog, or say lease_s = 0, which is written there and read back",
                    output.name
                ),
            ),
            (None, None) if device.watchdog_is_off() => section.problem(
                "lease_s",
                "0 leaves the output on for good when the host dies: that is for a fan or a pump alone; say how long the device may wait, \
                 at least 2 s",
            ),
            _ => {}
        }
    }
}

/// Reads every `[key.NAME]`.
fn named<T>(root: &Section<'_>, key: &str, read: impl Fn(String, &Section<'_>) -> T) -> Vec<T> {
    root.optional_section(key).named_sections().into_iter().map(|(name, section)| read(name, &section)).collect()
}

fn accelerator(section: &Section<'_>, instruments: &[Instrument]) -> AcceleratorRule {
    let default = section.text("default", "\"virtual\", \"cpu\" or \"nvml:0\"");
    let one = |n: &str| n.parse::<u32>().is_ok() || ["GPU-", "MIG-"].iter().any(|p| n.len() > p.len() && n.starts_with(p));
    // Several after commas: which of them are there, and apart, only the driver knows.
    let nvml = default.strip_prefix("nvml:").is_some_and(|all| all.split(',').all(|n| one(n.trim())));
    let virtual_card = default == "virtual";
    if !default.is_empty() && !nvml && !virtual_card && default != "cpu" {
        section.problem(
            "default",
            format_args!(
                "\"{default}\" is not known: expected \"virtual\", \"cpu\" or \"nvml:\" and a number or UUID, several after commas"
            ),
        );
    }
    let rule = AcceleratorRule {
        coupled: section.flag_or("coupled", true),
        full_w: section.optional_number("full_w", WATTS),
        idle_w: section.optional_number("idle_w", WATTS),
        assume_w: section.optional_number("assume_w", WATTS),
        leakage_w_k: section.number_or("leakage_w_k", 0.0..=100.0, 0.0),
        trip_max_degc: section.number("trip_max_degc", 30.0..=120.0),
        work_map: section.optional_text("work_map", "the folder of a work map, relative to this file").map(Into::into),
        work_map_clamp: section.flag_or("work_map_clamp", false),
        settings: settings(&section.optional_section("settings")),
        default,
    };
    if rule.settings != DeviceSettings::default() && !nvml && !rule.default.is_empty() {
        section.problem("settings", "only an NVIDIA GPU has settings: remove [accelerator.settings], or say default = \"nvml:0\"");
    }
    if let Some(listed) = rule.settings.listed().filter(|listed| nvml && *listed != rule.default.split(',').count()) {
        let named = rule.default.split(',').count();
        section.problem(
            "settings",
            format_args!("has values for {listed} GPUs, and default names {named}: one value is for all, a list has one for each"),
        );
    }
    let emulated = !instruments.is_empty() && instruments.iter().all(|i| i.connection == Connection::Emulated);
    if rule.coupled && emulated && !virtual_card && !rule.default.is_empty() {
        section.problem("coupled", "a real accelerator cannot sit on an emulated plate; say `coupled = false`");
    }
    if rule.coupled && !emulated && virtual_card {
        section.problem("coupled", "a virtual card does not heat a real plate; say `coupled = false`");
    }
    if let (Some(idle), Some(full)) = (rule.idle_w, rule.full_w)
        && idle >= full
    {
        section.problem("idle_w", format_args!("{idle} is not below full_w = {full}"));
    }
    rule
}

fn settings(section: &Section<'_>) -> DeviceSettings {
    let clocks = |key: &str| section.one_or_more_numbers(key, 1.0..=10_000.0);
    let (low, high) = (clocks("locked_min_mhz"), clocks("locked_max_mhz"));
    let power_limit_w = section.one_or_more_numbers("power_limit_w", 1.0..=5000.0);
    let lists = [&power_limit_w, &low, &high].map(Vec::len);
    let cards = lists.into_iter().max().unwrap_or(0);
    if lists.iter().any(|n| *n > 1 && *n != cards) {
        section.problem("power_limit_w", "lists of settings have one value for each GPU: they must be equally long");
    }
    // One value is for all.
    let of = |all: &[f64], card: usize| if let [one] = all { Some(*one) } else { all.get(card).copied() };
    let pairs = (0..low.len().max(high.len())).map(|k| (of(&low, k).or_else(|| of(&high, k)), of(&high, k)));
    let locked_mhz: Vec<(u32, u32)> = pairs
        .filter_map(|pair| match pair {
            (Some(low), Some(high)) if low <= high => Some((low as u32, high as u32)),
            _ => {
                section.problem("locked_min_mhz", "needs a locked_max_mhz that is not below it");
                None
            }
        })
        .collect();
    let limit_follows_budget = section.flag_or("limit_follows_budget", false);
    if limit_follows_budget && power_limit_w.is_empty() {
        section.problem("limit_follows_budget", "needs power_limit_w: the limit at full load");
    }
    DeviceSettings { power_limit_w, limit_follows_budget, locked_mhz }
}
