//! Alarms latch until acknowledged, and stay listed while their cause lasts.

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What the alarm is about; one alarm a kind.
    pub kind: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// The cause is still there.
    pub active: bool,
    /// Someone has seen it.
    pub acknowledged: bool,
}

/// Every alarm that is active or not yet acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms(Vec<Alarm>);

impl Alarms {
    /// What is listed now.
    pub fn list(&self) -> &[Alarm] {
        &self.0
    }

    /// True while any alarm has not been acknowledged.
    pub fn unacknowledged(&self) -> bool {
        self.0.iter().any(|a| !a.acknowledged)
    }

    /// Raises an alarm; true if it is new, so that it is told once.
    pub(crate) fn raise(&mut self, kind: &'static str, message: &str) -> bool {
        if let Some(alarm) = self.0.iter_mut().find(|a| a.kind == kind) {
            let again = !alarm.active;
            alarm.active = true;
            if again {
                alarm.acknowledged = false;
                message.clone_into(&mut alarm.message);
            }
            return again;
        }
        self.0.push(Alarm { kind, message: message.to_owned(), active: true, acknowledged: false });
        true
    }

    /// The cause has gone. The alarm stays until acknowledged.
    pub(crate) fn clear(&mut self, kind: &'static str) {
        for alarm in self.0.iter_mut().filter(|a| a.kind == kind) {
            alarm.active = false;
        }
        self.0.retain(|a| a.active || !a.acknowledged);
    }

    /// Someone has seen them all.
    pub(crate) fn acknowledge(&mut self) -> usize {
        let seen = self.0.iter().filter(|a| !a.acknowledged).count();
        for alarm in &mut self.0 {
            alarm.acknowledged = true;
        }
        self.0.retain(|a| a.active);
        seen
    }
}
