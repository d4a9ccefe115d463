//! orbitbench: parse, run, exit code. What each verb does is in `verbs/`; what was typed in `cli.rs`; exit codes in `exit.rs`.

/// A line on standard output. A reader that went away is an error to return, not a panic as `println!` makes of it.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($text)*)?
    }};
}

mod cli;
mod exit;
mod plan;
mod verbs;

use clap::Parser;
use cli::{AcceleratorCommand, Cli, Command, ProfileCommand, RigCommand};
use exit::{BadInput, Exit};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // A reader that went away (head, less) is no error of ours.
            if error.chain().any(|c| c.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)) {
                return Exit::Done.into();
            }
            eprintln!("error: {}", words(&error));
            let bad_input = error.chain().any(|c| c.downcast_ref::<BadInput>().is_some());
            if bad_input { Exit::BadInput } else { Exit::Internal }.into()
        }
    }
}

/// An error and its causes. Some errors name their cause themselves; nobody needs to read it twice.
fn words(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |mut text, cause| {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
        text
    })
}

fn dispatch(command: Option<Command>) -> anyhow::Result<Exit> {
    match command {
        None => verbs::attach::newest_or_help(),
        Some(Command::Run(args)) => verbs::run::run(&args),
        Some(Command::Engine(args)) => verbs::run::engine(&args),
        Some(Command::Rehearse(args)) => verbs::rehearse::rehearse(&args),
        Some(Command::Attach { run, screen }) => verbs::attach::attach(run.as_deref(), &screen),
        Some(Command::Hold(args)) => verbs::attach::request(&args, signal::Request::Hold),
        Some(Command::Resume(args)) => verbs::attach::request(&args, signal::Request::Resume),
        Some(Command::Stop(args)) => verbs::attach::request(&args, signal::Request::Stop),
        Some(Command::Abort(args)) => verbs::attach::request(&args, signal::Request::Abort),
        Some(Command::Halt(args)) => verbs::attach::request(&args, signal::Request::Halt),
        Some(Command::Ack(args)) => verbs::attach::request(&args, signal::Request::Ack),
        Some(Command::Compare(args)) => verbs::judge::compare(&args),
        Some(Command::Verify { run, out }) => verbs::judge::verify(run.as_deref(), &out),
        Some(Command::Profile(ProfileCommand::List)) => verbs::check::list(),
        Some(Command::Profile(ProfileCommand::Show { profile, csv, step, duration })) => {
            verbs::files::show_profile(&profile, csv, step, duration)
        }
        Some(Command::Profile(ProfileCommand::Import(args))) => verbs::import::import(&args),
        Some(Command::Sweep(args)) => verbs::sweep::sweep(&args),
        Some(Command::Profile(ProfileCommand::Plot(args))) => verbs::plot::plot(&args),
        Some(Command::Profile(ProfileCommand::Make(args))) => verbs::make::make(&args),
        Some(Command::Profile(ProfileCommand::Check { profiles })) => verbs::check::check(&profiles),
        Some(Command::Profile(ProfileCommand::Masses(args))) => verbs::masses::masses(&args),
        Some(Command::Profile(ProfileCommand::Trade(args))) => verbs::masses::trade(&args),
        Some(Command::Rig(RigCommand::List)) => verbs::files::list_rigs(),
        Some(Command::Rig(RigCommand::Check { rig })) => verbs::files::check_rig(&rig),
        Some(Command::Rig(RigCommand::Probe { ports, modbus, out })) => verbs::probe::run(&ports, modbus, out.as_deref()),
        Some(Command::Rig(RigCommand::Calibrate(args))) => verbs::calibrate::calibrate(&args),
        Some(Command::Rig(RigCommand::Commission(args))) => verbs::commission::commission(&args),
        Some(Command::Rig(RigCommand::Size(args))) => verbs::size::run(&args),
        Some(Command::Rig(RigCommand::Weigh(args))) => verbs::weigh::run(&args),
        Some(Command::Rig(RigCommand::Emulate { rig, folder, log, speed, seed, calibration, faults, uncoupled, with_parent })) => {
            verbs::emulate::emulate(
                &rig,
                verbs::emulate::Where { folder, log },
                verbs::emulate::What { speed, seed, calibration, faults, uncoupled, with_parent },
            )
        }
        Some(Command::Accelerator(AcceleratorCommand::Info)) => verbs::files::accelerator_info(),
        Some(Command::Workload(command)) => verbs::workload::workload(&command),
        Some(Command::Accelerator(AcceleratorCommand::Check(args))) => verbs::device::check(&args),
        Some(Command::Accelerator(AcceleratorCommand::Guard { gpu, original, log, note, lease_s })) => {
            verbs::device::guard(&gpu, original, &log, &note, lease_s)
        }
        Some(Command::Columns) => verbs::files::columns(),
        Some(Command::Completions { shell }) => verbs::files::completions(shell),
        Some(Command::Man) => verbs::files::man(),
    }
}
