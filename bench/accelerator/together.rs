//! Several devices as one to whoever asks who they are: names, what they may draw together, everybody on any of them.
//!
//! Not here: their readings (each device is read by itself; the engine adds up).

use crate::Identity;

impl Identity {
    /// What `each` are together. What adds up is missing where one of them does not say it.
    ///
    /// ```
    /// use accelerator::Identity;
    /// let one = |uuid: &str, w| Identity { name: "H200".into(), uuid: Some(uuid.into()), full_w: w, ..Identity::default() };
    /// let both = Identity::together(&[one("GPU-1", Some(700.0)), one("GPU-2", Some(500.0))]);
    /// assert_eq!((both.name.as_str(), both.full_w), ("2 x H200", Some(1200.0)));
    /// assert_eq!(Identity::together(&[one("GPU-1", None), one("GPU-2", Some(500.0))]).full_w, None);
    /// ```
    pub fn together(each: &[Self]) -> Self {
        if let [one] = each {
            return one.clone();
        }
        let sum = |pick: fn(&Self) -> Option<f64>| each.iter().map(pick).sum::<Option<f64>>();
        let joined = |pick: fn(&Self) -> Option<&String>| {
            let all: Option<Vec<&str>> = each.iter().map(|i| pick(i).map(String::as_str)).collect();
            all.map(|all| all.join(","))
        };
        let same = each.iter().all(|i| i.name == each[0].name);
        let names: Vec<&str> = each.iter().map(|i| i.name.as_str()).collect();
        let numbered = |k: usize, text: &str| format!("{} {text}", k + 1);
        Self {
            spec: format!("nvml:{}", each.iter().map(|i| i.spec.trim_start_matches("nvml:")).collect::<Vec<_>>().join(",")),
            name: if same { format!("{} x {}", each.len(), names[0]) } else { names.join(" + ") },
            uuid: joined(|i| i.uuid.as_ref()),
            board_uuid: joined(|i| i.board_uuid.as_ref()),
            bus: joined(|i| i.bus.as_ref()),
            serial: joined(|i| i.serial.as_ref()),
            driver: each[0].driver.clone(),
            full_w: sum(|i| i.full_w),
            limits_w: sum(|i| i.limits_w.map(|l| l.0)).zip(sum(|i| i.limits_w.map(|l| l.1))),
            default_limit_w: sum(|i| i.default_limit_w),
            facts: each
                .iter()
                .enumerate()
                .flat_map(|(k, i)| {
                    let own = [("UUID", i.uuid.clone()), ("power limit", i.full_w.map(|w| format!("{w} W")))];
                    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
                    own.chain(i.facts.iter().cloned()).map(move |(name, value)| (numbered(k, &name), value))
                })
                .collect(),
            processes: each.iter().map(|i| i.processes.clone()).collect::<Option<Vec<_>>>().map(|all| {
                // Work on several of them is one process, with what it holds on each.
                let mut found: Vec<crate::Busy> = Vec::new();
                for busy in all.into_iter().flatten() {
                    match found.iter_mut().find(|b| b.pid == busy.pid) {
                        Some(known) => known.bytes = known.bytes.zip(busy.bytes).map(|(a, b)| a + b),
                        None => found.push(busy),
                    }
                }
                found
            }),
            notes: each.iter().enumerate().flat_map(|(k, i)| i.notes.iter().map(move |n| numbered(k, n))).collect(),
        }
    }
}
