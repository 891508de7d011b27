//! Trees of files: recorded from real kernels, laid out as Engines do, and changing while they are read.

mod layouts;
mod recorded;
mod tree;

use pilotfish_protocol::{ContainerMetric as Metric, Reading};

fn values(reading: &Reading) -> Vec<(Metric, i64)> {
    let all = Metric::ALL.iter();
    all.filter_map(|metric| Some((*metric, reading.get(*metric)?)))
        .collect()
}
