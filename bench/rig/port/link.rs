//! What a port's thread reads from and writes to: a serial line or a network connection, opened where the rig file says.

use crate::config::{Connection, Parity, Serial, UsbId};
use serialport::{ClearBuffer, DataBits, SerialPort, SerialPortType, StopBits, TTYPort};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest time for a network connection to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// A socket cannot be told to wait for no time at all.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Where an instrument that is really there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A device file, or a link to one.
    Path(PathBuf),
    /// Whatever device file this USB adapter has at the moment.
    Usb(UsbId),
    /// An address of a network, `host:port`.
    Tcp(String),
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl Place {
    /// Where an instrument of a rig file is; `None` for an emulated one, whose port the emulator makes.
    pub fn of(connection: &Connection) -> Option<Self> {
        match connection {
            Connection::Emulated => None,
            Connection::Port(path) => Some(Self::Path(path.clone())),
            Connection::Usb(id) => Some(Self::Usb(id.clone())),
            Connection::Tcp(address) => Some(Self::Tcp(address.clone())),
        }
    }

    /// The device file at this moment, or why there is none.
    pub fn device_file(&self) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Path(path) => Ok(Some(path.clone())),
            Self::Usb(id) => find(id).map(Some),
            Self::Tcp(_) => Ok(None),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Usb(UsbId { vid, pid, serial }) => {
                write!(f, "USB adapter {vid:04x}:{pid:04x}")?;
                serial.as_ref().map_or(Ok(()), |serial| write!(f, " serial {serial}"))
            }
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// The device file of a USB adapter. Two that fit are refused: which of them it would be is chance.
fn find(wanted: &UsbId) -> io::Result<PathBuf> {
    let ports = serialport::available_ports().map_err(io::Error::other)?;
    let fits = ports.into_iter().filter(|port| match &port.port_type {
        SerialPortType::UsbPort(usb) => {
            (usb.vid, usb.pid) == (wanted.vid, wanted.pid) && (wanted.serial.is_none() || usb.serial_number == wanted.serial)
        }
        _ => false,
    });
    let names: Vec<String> = fits.map(|port| port.port_name).collect();
    match &names[..] {
        [] => Err(io::Error::new(ErrorKind::NotFound, "no such adapter is plugged in")),
        [one] => Ok(PathBuf::from(one)),
        several => Err(io::Error::other(format!("{} fit; declare the adapter's `serial` too", several.join(" and ")))),
    }
}

/// How long the FTDI adapter behind a device file waits before it passes on a short answer, ms; `None` where it is none.
pub fn latency_ms(device: &Path) -> Option<u32> {
    let name = std::fs::canonicalize(device).ok()?.file_name()?.to_owned();
    let file = Path::new("/sys/bus/usb-serial/devices").join(name).join("latency_timer");
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// An open line.
pub(super) enum Link {
    Tty(TTYPort),
    Tcp(TcpStream),
}

impl Link {
    pub(super) fn open(place: &Place, serial: Serial) -> io::Result<Self> {
        match place.device_file()? {
            Some(path) => tty(&path, serial).map(Self::Tty),
            None => tcp(place).map(Self::Tcp),
        }
    }

    /// Sets an open line anew, without letting go of it: a board that starts anew when its port is opened goes on. Nothing is set of a
    /// network.
    pub(super) fn set(&mut self, serial: Serial) -> io::Result<()> {
        let Self::Tty(port) = self else { return Ok(()) };
        let (data_bits, parity, stop_bits) = settings(serial);
        port.set_baud_rate(serial.baud)?;
        port.set_data_bits(data_bits)?;
        port.set_parity(parity)?;
        port.set_stop_bits(stop_bits)?;
        let _ = port.clear(ClearBuffer::Input);
        Ok(())
    }

    /// Reads wait this long.
    pub(super) fn wait_to_read(&mut self, wait: Duration) -> io::Result<()> {
        match self {
            Self::Tty(port) => port.set_timeout(wait).map_err(io::Error::from),
            Self::Tcp(stream) => stream.set_read_timeout(Some(wait.max(SHORTEST_WAIT))),
        }
    }

    /// Writes wait this long.
    pub(super) fn wait_to_write(&mut self, wait: Duration) -> io::Result<()> {
        match self {
            Self::Tty(port) => port.set_timeout(wait).map_err(io::Error::from),
            Self::Tcp(stream) => stream.set_write_timeout(Some(wait.max(SHORTEST_WAIT))),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tty(port) => port.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tty(port) => port.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

const fn settings(serial: Serial) -> (DataBits, serialport::Parity, StopBits) {
    let data_bits = if serial.data_bits == 7 { DataBits::Seven } else { DataBits::Eight };
    let parity = match serial.parity {
        Parity::None => serialport::Parity::None,
        Parity::Even => serialport::Parity::Even,
        Parity::Odd => serialport::Parity::Odd,
    };
    let stop_bits = if serial.stop_bits == 2 { StopBits::Two } else { StopBits::One };
    (data_bits, parity, stop_bits)
}

fn tty(path: &Path, serial: Serial) -> io::Result<TTYPort> {
    let (data_bits, parity, stop_bits) = settings(serial);
    let settings = serialport::new(path.to_string_lossy(), serial.baud).data_bits(data_bits).parity(parity).stop_bits(stop_bits);
    let port = settings.timeout(super::READ_SLICE).open_native()?;
    // A boot banner, or the end of someone else's conversation. Where this fails the driver copes with the noise.
    let _ = port.clear(ClearBuffer::Input);
    Ok(port)
}

fn tcp(place: &Place) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in place.to_string().to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                // A question is one small packet: waiting for more would only delay it.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(why) => last = why,
        }
    }
    Err(last)
}
