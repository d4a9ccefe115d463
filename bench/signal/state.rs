//! The words for what a run is doing, who asked for what and how bad an event is, shared by the controller that
//! decides, the recorder that writes them down and the screens that show them. No transitions here: those are `control`'s.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A word of a file or message that is none of the expected ones.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{found}\" is no {what}: expected one of {expected}")]
pub struct UnknownWord {
    /// What kind of word was looked for.
    pub what: &'static str,
    /// What was found instead.
    pub found: String,
    /// The words that would have done.
    pub expected: String,
}

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $default:ident:
     $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])+ #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every one, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in files, messages and on screens.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: $what, found: word.to_owned(), expected: [$($word,)+].join(", ") }),
                }
            }
        }
    };
}

words! {
    /// What a run is doing at one tick.
    RunState, "run state", Staging:
    /// The interface is being brought to where the flight model begins; mission time stands at its start.
    Staging = "staging",
    /// Mission time goes on and work counts.
    Running = "running",
    /// An operator froze mission time.
    Held = "held",
    /// A condition froze mission time.
    Suspended = "suspended",
    /// On the way to a clean end.
    Stopping = "stopping",
    /// Every channel takes or has taken its declared safe action.
    Safe = "safe",
}

words! {
    /// Why the rig could not follow what the flight model asked for during a tick. Such ticks stay out of thermal figures.
    Limit, "limit", None:
    /// It could.
    None = "none",
    /// The setpoint asked for lies outside the channel's limits.
    Clamped = "clamped",
    /// The setpoint asked for moves faster than the channel may.
    Rate = "rate",
    /// The instrument is at its current or voltage limit.
    Saturated = "saturated",
}

words! {
    /// What an operator (or a script, or a signal) may ask of a run.
    Request, "request", Hold:
    /// Freeze mission time.
    Hold = "hold",
    /// Let mission time go on.
    Resume = "resume",
    /// End cleanly: a success.
    Stop = "stop",
    /// End cleanly, marked aborted.
    Abort = "abort",
    /// Every safe action at once.
    Halt = "halt",
    /// Acknowledge the latched alarms and trips.
    Ack = "ack",
}

words! {
    /// How much an event matters, the least first.
    Severity, "severity", Info:
    /// Worth knowing.
    Info = "info",
    /// Something is not as it should be; the run copes.
    Warning = "warning",
    /// Someone should look; latched until acknowledged.
    Alarm = "alarm",
    /// An interlock ended the run in safe; latched until acknowledged.
    Trip = "trip",
}

impl RunState {
    /// True while mission time goes on.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }
}

impl Limit {
    /// True if the tick stays out of thermal figures.
    pub const fn is_limited(self) -> bool {
        !matches!(self, Self::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_what_they_name() {
        for &state in RunState::ALL {
            assert_eq!(state.word().parse(), Ok(state));
        }
        for &limit in Limit::ALL {
            assert_eq!(limit.word().parse(), Ok(limit));
            assert_eq!(limit.is_limited(), limit != Limit::None);
        }
        for &request in Request::ALL {
            assert_eq!(request.word().parse(), Ok(request));
        }
        for &severity in Severity::ALL {
            assert_eq!(severity.word().parse(), Ok(severity));
        }
    }

    #[test]
    fn an_unknown_word_says_what_would_do() {
        let refused = "flying".parse::<RunState>().unwrap_err().to_string();
        assert_eq!(refused, "\"flying\" is no run state: expected one of staging, running, held, suspended, stopping, safe");
    }
}
