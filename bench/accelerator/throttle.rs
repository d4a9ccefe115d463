//! NVML's clock-event ("throttle") reason bits in words. Bits and meanings: nvml.h, `nvmlClocksEventReasons`.

/// Bit, short word, and whether it means that the device is held below what it could do.
const REASONS: &[(u64, &str, bool)] = &[
    (0x001, "idle", false),
    (0x002, "application clocks setting", true),
    (0x004, "power cap (software)", true),
    (0x008, "slowdown (hardware)", true),
    (0x010, "sync boost", true),
    (0x020, "thermal slowdown (software)", true),
    (0x040, "thermal slowdown (hardware)", true),
    (0x080, "power brake (hardware)", true),
    (0x100, "display clock setting", true),
];

/// The bits that mean the device is too hot.
pub const THERMAL: u64 = 0x020 | 0x040;

/// The bits that mean the device would draw more power than it may.
pub const POWER: u64 = 0x004 | 0x080;

/// Every reason in `bits`, in words; a bit that nobody has documented comes as its number. Empty if nothing holds the clocks.
pub fn words(bits: u64) -> Vec<String> {
    let mut found: Vec<String> = REASONS.iter().filter(|r| bits & r.0 != 0).map(|r| r.1.to_owned()).collect();
    let rest = REASONS.iter().fold(bits, |rest, r| rest & !r.0);
    if rest != 0 {
        found.push(format!("unknown reason {rest:#x}"));
    }
    found
}

/// True if something other than idleness holds the clocks down.
pub fn is_throttled(bits: u64) -> bool {
    let harmless = REASONS.iter().filter(|r| !r.2).fold(0, |all, r| all | r.0);
    bits & !harmless != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_words_and_idle_is_no_throttle() {
        assert!(words(0).is_empty());
        assert_eq!(words(0x44), ["power cap (software)", "thermal slowdown (hardware)"]);
        assert_eq!(words(0x8000_0001), ["idle", "unknown reason 0x80000000"]);
        assert!(!is_throttled(0) && !is_throttled(1));
        assert!(is_throttled(THERMAL) && is_throttled(POWER) && is_throttled(1 << 40));
    }
}
