//! What was typed. Turning it into something that can be flown is `plan.rs`; nothing is opened or read here.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Put a GPU on a Peltier rig through an orbit, and measure its AI work per watt and per kilogram of cooling.
#[derive(Debug, Parser)]
#[command(name = "orbitbench", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fly a profile: predict, stage, run, seal, compare
    Run(RunArgs),
    /// Predict a run without waiting and print what to expect
    Rehearse(RehearseArgs),
    /// Open the screen of a run that is under way
    Attach {
        /// Name, folder or unique beginning of a run; the newest if left out
        run: Option<String>,
        #[command(flatten)]
        screen: ScreenArgs,
    },
    /// Freeze mission time of a run
    Hold(RequestArgs),
    /// Let mission time go on
    Resume(RequestArgs),
    /// End a run cleanly: a success
    Stop(RequestArgs),
    /// End a run cleanly, marked aborted
    Abort(RequestArgs),
    /// Take every channel of a run to its safe action at once
    Halt(RequestArgs),
    /// Acknowledge the alarms of a run
    Ack(RequestArgs),
    /// Compare a run with its prediction, or any two CSV files, and apply the gates
    Compare(CompareArgs),
    /// Check the seal of a run
    Verify {
        /// Name or folder of a run; the newest if left out
        run: Option<String>,
        /// Where runs are kept
        #[arg(long, default_value = "logs")]
        out: PathBuf,
    },
    /// Orbits and places
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Vary profile and rig over many points and say what matters
    Sweep(crate::verbs::sweep::SweepArgs),
    /// Rigs: list, check, probe, weigh, size, calibrate, commission, emulate
    #[command(subcommand)]
    Rig(RigCommand),
    /// The device under test
    #[command(subcommand, alias = "gpu")]
    Accelerator(AcceleratorCommand),
    /// The AI work: what there is, how fast it is here
    #[command(subcommand)]
    Workload(crate::verbs::workload::WorkloadCommand),
    /// The columns of samples.csv and prediction.csv as a Markdown table
    Columns,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// The engine of a run, in a session of its own; started by `run`
    #[command(hide = true)]
    Engine(RunArgs),
}

/// What to fly, on what.
#[derive(Clone, Debug, Args)]
pub(crate) struct FlightArgs {
    /// Profile: a name from `profile list` or a TOML file
    #[arg(default_value = "dawn-dusk-650")]
    pub(crate) profile: String,
    /// Rig: a name from `rig list` or a TOML file
    #[arg(long, default_value = "twin")]
    pub(crate) rig: String,
    /// Device under test: virtual, nvml:INDEX or UUID, several as nvml:0,1, cpu; the rig's default if left out
    #[arg(long)]
    pub(crate) accelerator: Option<String>,
    /// Work: `virtual`, `cpu`, `cpu:small:2`, `openai:URL`, `command:PROGRAM ARGS` (see `workload list`), `none` (a blank run: the virtual card
    /// idles, a real one does what others give it); what suits the accelerator if left out
    #[arg(long)]
    pub(crate) workload: Option<String>,
    /// Mission time to fly, such as 90m, 24h, 5400s; the profile's own length if left out
    #[arg(long, value_parser = crate::plan::duration)]
    pub(crate) duration: Option<f64>,
    /// Controller step in bench seconds
    #[arg(long, default_value_t = 1.0)]
    pub(crate) dt: f64,
    /// Seed that draws this emulated bench from the rig's `[truth]`
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Stand-in board power in watts where nothing can measure it; then no verdict is drawn
    #[arg(long)]
    pub(crate) assume_w: Option<f64>,
    /// What is made of the power there is: follow-sun, fixed:PART, battery, thermal, plan; the profile's choice if left out
    #[arg(long)]
    pub(crate) policy: Option<model::profile::PolicyChoice>,
    /// What becomes of the work when the power for it is taken away: idle (it stays in memory), checkpoint (saved, dropped and restored) or restart (dropped, and
    /// done again); the profile's choice if left out
    #[arg(long)]
    pub(crate) eclipse: Option<signal::Crossing>,
    /// What the rig was found to be (see `rig calibrate`): predict this bench; the one in the rig file if left out
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Measured work map (see `workload map`): pacing is fed forward by it and the policy plan goes by it; the rig file's `work_map` if left
    /// out
    #[arg(long, value_name = "FOLDER")]
    pub(crate) map: Option<PathBuf>,
    /// Where the plan leaves the map, take the map's edge instead of refusing, and below its least power a straight line to no work at idle; the manifest says so
    #[arg(long, requires = "map")]
    pub(crate) map_clamp: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) flight: FlightArgs,
    /// Bench seconds a wall second; 60 on the twin, always 1 with real hardware
    #[arg(long)]
    pub(crate) speed: Option<f64>,
    /// Where run folders go
    #[arg(long, default_value = "logs")]
    pub(crate) out: PathBuf,
    /// No screen: progress on standard error, the result on standard output
    #[arg(long)]
    pub(crate) headless: bool,
    /// Start the engine in its own session and return at once
    #[arg(long, conflicts_with = "headless")]
    pub(crate) detach: bool,
    /// Nobody watches: refuse what needs an operator
    #[arg(long)]
    pub(crate) unattended: bool,
    #[command(flatten)]
    pub(crate) held_to: crate::verbs::commission::HeldTo,
    /// Leave the work's checkpoints in the run folder instead of removing them at the end
    #[arg(long)]
    pub(crate) keep_checkpoints: bool,
    /// Folder of a running `rig emulate` to use instead of starting one
    #[arg(long, value_name = "FOLDER")]
    pub(crate) emulator: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) screen: ScreenArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ScreenArgs {
    /// Only look: no keys that change the run
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Colours: dark, light, mono; dark, or mono under `NO_COLOR`, if left out
    #[arg(long)]
    pub(crate) theme: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RehearseArgs {
    #[command(flatten)]
    pub(crate) flight: FlightArgs,
    /// Write every row to this CSV file
    #[arg(long)]
    pub(crate) csv: Option<PathBuf>,
    /// Also fly every doubt about the bench, and write the standard uncertainty of each predicted column to this CSV file
    #[arg(long, value_name = "FILE")]
    pub(crate) band: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RequestArgs {
    /// Name, folder or unique beginning of a run; the one under way if left out
    pub(crate) run: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CompareArgs {
    /// A run (name or folder), or the measured CSV file; the newest run if left out
    pub(crate) run: Option<String>,
    /// The model's CSV file, if the first is a CSV file
    pub(crate) model: Option<PathBuf>,
    /// Names that belong together where they differ: a TOML file of lines `measured_name = "model_name"`
    #[arg(long, requires = "model")]
    pub(crate) map: Option<PathBuf>,
    /// Gates to apply: ecss or smc-s-016
    #[arg(long, default_value = "ecss")]
    pub(crate) gates: String,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Where runs are kept
    #[arg(long, default_value = "logs")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// The profiles that ship with the program
    List,
    /// What a profile is, or its environment timeline
    Show {
        /// A name from `profile list` or a TOML file
        profile: String,
        /// Print the environment as CSV
        #[arg(long)]
        csv: bool,
        /// Time between rows
        #[arg(long, default_value = "60s", value_parser = crate::plan::duration)]
        step: f64,
        /// How long; one orbit if left out
        #[arg(long, value_parser = crate::plan::duration)]
        duration: Option<f64>,
    },
    /// What the satellite weighs part by part, and how well that is known
    Masses(crate::verbs::masses::MassesArgs),
    /// What warmer coolant or a heat pump would save
    Trade(crate::verbs::masses::TradeArgs),
    /// Make a profile from a file of elements or positions: TLE, OMM, CCSDS OEM, STK .e, CSV
    Import(Box<crate::verbs::import::ImportArgs>),
    /// Draw a year of beta angle, eclipses, light on the panel and sink temperature
    Plot(crate::verbs::plot::PlotArgs),
    /// Write a complete, commented profile: an orbit from flags, the satellite of another profile
    Make(Box<crate::verbs::make::MakeArgs>),
    /// Report every problem of profiles, and what is doubtful about sound ones
    Check {
        /// Names from `profile list` or TOML files
        #[arg(required = true)]
        profiles: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RigCommand {
    /// The rigs that ship with the program
    List,
    /// Report every problem of a rig file
    Check {
        /// A name from `rig list` or a TOML file
        rig: String,
    },
    /// Find out what answers on serial ports or at addresses, by harmless questions only: `?IF`, `*IDN?`, `VERSION`, `TYPE`, `{M1B****`,
    /// `I4`, `ID?`, NESLAB's version, TE Technology's model or temperature; over the network `hwrev`, too. All are asked, twice where nothing known
    /// answers, each after an empty line that ends what the one before left; the most particular answer counts. A port is opened once, and given 3 s, for boards
    /// that start anew when that is done; one on which nothing answers takes about 18 s
    /// (3 s more with --modbus), and says on the terminal how far it is. Exit code 0, also if nothing answers; 3 if a port could not be asked
    Probe {
        /// Ports, or HOST:PORT; every USB adapter if left out
        ports: Vec<String>,
        /// Ask for Modbus's device identification (function 43) at this address, too
        #[arg(long, value_name = "ADDRESS", value_parser = clap::value_parser!(u8).range(1..=247))]
        modbus: Option<u8>,
        /// Write a rig file to begin with; what is still to be said stands in it as lines with FILL
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Find out from logs what a rig is: fit its plant, sensors and delays, with uncertainties
    Calibrate(crate::verbs::calibrate::CalibrateArgs),
    /// Commission a rig: a guided procedure whose record real hardware needs before it runs
    Commission(crate::verbs::commission::CommissionArgs),
    /// What a rig can hold by the arithmetic of its [plant]: current, drive, sink, and what its calorimeter would know
    Size(crate::verbs::size::SizeArgs),
    /// Weigh a part dry or wet on the rig's scale, and keep what came out with its uncertainty; without a part, list what is known
    Weigh(crate::verbs::weigh::WeighArgs),
    /// Run the emulated rig as its own process on pseudo-terminals
    Emulate {
        /// A name from `rig list` or a TOML file
        #[arg(default_value = "twin")]
        rig: String,
        /// Folder for the links to the pseudo-terminals, the card's socket and the emulator's log
        #[arg(long)]
        folder: PathBuf,
        /// The emulator's log; emulator.log in the folder if left out
        #[arg(long)]
        log: Option<PathBuf>,
        /// Bench seconds a wall second
        #[arg(long, default_value_t = 1.0)]
        speed: f64,
        /// Seed that draws this bench from the rig's `[truth]`
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Emulate the bench that this calibration found, within its uncertainty: the seed draws from its covariance
        #[arg(long, value_name = "FILE")]
        calibration: Option<PathBuf>,
        /// What goes wrong with lines, devices and plant: a scenario file, whose `from_s` and `for_s` are wall seconds since the start, whatever
        /// the speed. When what begins is printed and logged; what did not happen before the end is logged
        #[arg(long, value_name = "FILE")]
        faults: Option<PathBuf>,
        /// Nothing heats the plate: the device under test is elsewhere
        #[arg(long)]
        uncoupled: bool,
        /// End when standard input closes, after letting the watchdog act
        #[arg(long, hide = true)]
        with_parent: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AcceleratorCommand {
    /// What was found on this machine, and why not more
    Info,
    /// Find out what the power sensor of a device really does: update period, window, aliasing, counter, cost of polling
    Check(crate::verbs::device::CheckArgs),
    /// Put the settings of a GPU back when the engine that changed them dies; started by `run`
    #[command(hide = true)]
    Guard {
        /// Index or UUID of the GPU
        gpu: String,
        /// What to put back
        original: accelerator::nvml::Original,
        /// Where to write what was done
        #[arg(long)]
        log: PathBuf,
        /// The file that says what to put back: it goes when that is done
        #[arg(long)]
        note: PathBuf,
        /// Silence after which the settings are put back, s
        #[arg(long)]
        lease_s: f64,
    },
}
