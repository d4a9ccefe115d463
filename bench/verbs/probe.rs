//! `rig probe`: what answers on the ports that there are, by identify queries only.

use crate::exit::Exit;
use anyhow::Result;
use rig::port::probe;
use std::path::PathBuf;

pub(crate) fn run(wanted: &[PathBuf]) -> Result<Exit> {
    let ports = if wanted.is_empty() { probe::ports() } else { wanted.to_vec() };
    if ports.is_empty() {
        say!("# no USB serial adapter is plugged in; name ports to ask there");
    }
    let mut count = 0;
    for port in ports {
        let shown = port.display();
        match probe::probe(&port) {
            Ok(Some(found)) => {
                count += 1;
                let serial = found.question.serial;
                say!("# {shown} says \"{}\"", found.said.escape_debug());
                say!("[instrument.found_{count}]");
                if found.question.whom == "mecom" {
                    say!("driver = \"mecom\"");
                } else {
                    say!("driver = \"line\"\ndialect = \"{}\"", found.question.whom);
                }
                say!("port = \"{shown}\"\nbaud = {}\n", serial.baud);
            }
            Ok(None) => say!("# {shown}: nothing that is known answers\n"),
            Err(why) => say!("# {shown}: left alone, it cannot be opened ({why})\n"),
        }
    }
    Ok(Exit::Done)
}
