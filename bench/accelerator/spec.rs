//! What was typed after `--accelerator` (or written as `default` in a rig file), and the way from there to a device.

use crate::{Accelerator, Error, cpu, nvml};
use signal::Channel;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Which accelerator is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spec {
    /// The twin's card: `virtual`.
    Virtual,
    /// A real NVIDIA GPU: `nvml:0`, `nvml:GPU-…`.
    Nvml(Gpu),
    /// Several real NVIDIA GPUs that one run measures and paces together: `nvml:0,1`.
    Several(Vec<Gpu>),
    /// The host's own processor: `cpu`.
    Cpu,
}

/// Which GPU of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gpu {
    /// By NVML's order. Not stable across reboots, and not CUDA's order.
    Index(u32),
    /// By UUID, which stays with the board.
    Uuid(String),
    /// One instance of a board (MIG), by its UUID.
    Instance(String),
}

const CHOICES: &str = "expected `virtual` (the twin's card), `nvml:0` (a real NVIDIA GPU by index), `nvml:GPU-…` or `nvml:MIG-…` (by UUID), `nvml:0,1` (several together) or `cpu` (this host)";

impl Spec {
    /// Opens the device. `root` is the root of the file system that sensors are looked for in, `/` outside tests.
    pub fn open(&self, root: &Path) -> Result<Box<dyn Accelerator>, Error> {
        match self {
            Self::Virtual => Err(Error::Virtual),
            Self::Several(_) => Err(Error::OneAtATime { spec: self.to_string() }),
            Self::Nvml(gpu) => Ok(Box::new(nvml::Library::find()?.gpu(gpu)?)),
            Self::Cpu => Ok(Box::new(cpu::Cpu::open(root))),
        }
    }

    /// Opens every device that is meant, in the order in which they were named. Two that share a board are refused: its power would count twice.
    pub fn open_each(&self, root: &Path) -> Result<Vec<Box<dyn Accelerator>>, Error> {
        let Self::Several(gpus) = self else { return Ok(vec![self.open(root)?]) };
        let library = nvml::Library::find()?;
        let mut boards: Vec<(Option<String>, String)> = Vec::new();
        let mut opened: Vec<Box<dyn Accelerator>> = Vec::new();
        for gpu in gpus {
            let card = library.gpu(gpu)?;
            let board = card.identity().board_uuid.clone();
            if let Some((_, first)) = boards.iter().find(|(b, _)| b.is_some() && *b == board) {
                return Err(Error::SameBoard { first: first.clone(), second: format!("nvml:{gpu}"), board: board.unwrap_or_default() });
            }
            boards.push((board, format!("nvml:{gpu}")));
            opened.push(Box::new(card));
        }
        Ok(opened)
    }

    /// The NVIDIA GPUs that are meant.
    pub fn gpus(&self) -> &[Gpu] {
        match self {
            Self::Nvml(gpu) => std::slice::from_ref(gpu),
            Self::Several(gpus) => gpus,
            Self::Virtual | Self::Cpu => &[],
        }
    }

    /// How many devices are meant.
    pub fn devices(&self) -> usize {
        self.gpus().len().max(1)
    }

    /// True for what really exists, and so only runs at speed 1.
    pub const fn is_real(&self) -> bool {
        !matches!(self, Self::Virtual)
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = |hint: String| Error::Unknown { text: text.to_owned(), hint };
        let word = text.trim();
        let (kind, which) = word.split_once(':').map_or((word, None), |(k, w)| (k, Some(w)));
        match (kind.to_ascii_lowercase().as_str(), which) {
            ("virtual", None) => Ok(Self::Virtual),
            ("cpu", None) => Ok(Self::Cpu),
            ("nvml", Some(which)) => {
                let gpus: Option<Vec<Gpu>> = which.split(',').map(|one| gpu(one.trim())).collect();
                let mut gpus = gpus.ok_or_else(|| unknown(format!("no such GPU name: {CHOICES}")))?;
                if let Some(twice) = gpus.iter().enumerate().find(|(k, g)| gpus[..*k].contains(g)).map(|(_, g)| g.clone()) {
                    return Err(unknown(format!("{twice} is there twice: {CHOICES}")));
                }
                if gpus.len() > Channel::MOST_BOARDS {
                    return Err(unknown(format!(
                        "{} GPUs, and one run keeps at most {} apart: {CHOICES}",
                        gpus.len(),
                        Channel::MOST_BOARDS
                    )));
                }
                Ok(if gpus.len() == 1 { Self::Nvml(gpus.remove(0)) } else { Self::Several(gpus) })
            }
            ("nvml", None) => Err(unknown(format!("which GPU? {CHOICES}"))),
            ("virtual" | "cpu", Some(_)) => Err(unknown(format!("nothing may follow `{kind}`: {CHOICES}"))),
            ("gpu" | "nvidia" | "cuda", which) => {
                let which = which.unwrap_or("0");
                Err(unknown(format!("perhaps `nvml:{which}`? {CHOICES}")))
            }
            _ => Err(unknown(CHOICES.to_owned())),
        }
    }
}

/// UUIDs are passed on as they are: which ones exist only the driver knows.
fn gpu(which: &str) -> Option<Gpu> {
    // Before R470 an instance was MIG-GPU-<uuid>/<gpu instance>/<compute instance>.
    let sound = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/'));
    if let Some(rest) = which.strip_prefix("GPU-") {
        return (sound(rest) && !rest.contains('/')).then(|| Gpu::Uuid(which.to_owned()));
    }
    if let Some(rest) = which.strip_prefix("MIG-") {
        return sound(rest).then(|| Gpu::Instance(which.to_owned()));
    }
    let digits = !which.is_empty() && which.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| which.parse().ok().map(Gpu::Index)).flatten()
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Uuid(uuid) | Self::Instance(uuid) => f.write_str(uuid),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Virtual => f.write_str("virtual"),
            Self::Nvml(gpu) => write!(f, "nvml:{gpu}"),
            Self::Several(gpus) => write!(f, "nvml:{}", gpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_reads_back_as_it_is_written() {
        let uuid = "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427".to_owned();
        for (text, spec) in [
            ("virtual", Spec::Virtual),
            ("cpu", Spec::Cpu),
            ("nvml:0", Spec::Nvml(Gpu::Index(0))),
            ("nvml:15", Spec::Nvml(Gpu::Index(15))),
            ("nvml:GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427", Spec::Nvml(Gpu::Uuid(uuid))),
            ("nvml:0,3", Spec::Several(vec![Gpu::Index(0), Gpu::Index(3)])),
            ("nvml:GPU-1b4e,MIG-2", Spec::Several(vec![Gpu::Uuid("GPU-1b4e".to_owned()), Gpu::Instance("MIG-2".to_owned())])),
            ("nvml:MIG-1b4e28ba", Spec::Nvml(Gpu::Instance("MIG-1b4e28ba".to_owned()))),
            ("nvml:MIG-GPU-1b4e28ba/7/0", Spec::Nvml(Gpu::Instance("MIG-GPU-1b4e28ba/7/0".to_owned()))),
        ] {
            assert_eq!(text.parse::<Spec>().expect(text), spec);
            assert_eq!(spec.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_understood_says_what_to_type() {
        for (text, expected) in [
            ("", "expected `virtual`"),
            ("nvml", "which GPU?"),
            ("nvml:", "no such GPU name"),
            ("nvml:-1", "no such GPU name"),
            ("nvml:99999999999", "no such GPU name"),
            ("nvml:GPU-", "no such GPU name"),
            ("nvml:MIG-", "no such GPU name"),
            ("nvml:GPU-a/b", "no such GPU name"),
            ("nvml:0,", "no such GPU name"),
            ("nvml:0,cpu", "no such GPU name"),
            ("nvml:1,0,1", "1 is there twice"),
            ("nvml:0,1,2,3,4,5,6,7,8", "9 GPUs, and one run keeps at most 8"),
            ("gpu", "perhaps `nvml:0`?"),
            ("cuda:3", "perhaps `nvml:3`?"),
            ("cpu:2", "nothing may follow `cpu`"),
        ] {
            let message = text.parse::<Spec>().expect_err(text).to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
            assert!(message.contains("nvml:0"), "{text:?}: {message}");
        }
    }

    #[test]
    fn the_virtual_card_is_not_opened_here() {
        assert!(matches!(Spec::Virtual.open(Path::new("/")), Err(Error::Virtual)));
        let why = Spec::Several(vec![Gpu::Index(0), Gpu::Index(1)]).open(Path::new("/")).err().expect("one at a time").to_string();
        assert!(why.contains("nvml:0,1") && why.contains("one device at a time"), "{why}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_accepted_round_trips(text in "(nvml|cpu|virtual)?:?[ -~]{0,20}") {
            if let Ok(spec) = text.parse::<Spec>() {
                prop_assert_eq!(spec.to_string().parse::<Spec>().expect("round trip"), spec);
            }
        }
    }
}
