//! Pure: samples as measures for the history; what is not known is left out.

use crate::telemetry::measure::Measure;
use crate::telemetry::sample::{
    ContainerSample, FilesystemSample, HostSample, InterfaceSample, Rates, Stall, Temperature,
};

/// What is known of one subject, so far.
pub type Values = Vec<(Measure, f64)>;

/// Adds a container's measures.
pub fn of_container(sample: &ContainerSample, values: &mut Values) {
    number(values, Measure::CpuPercent, sample.cpu_percent);
    number(values, Measure::ThrottledPercent, sample.throttled_percent);
    count(values, Measure::MemoryBytes, sample.memory_bytes);
    count(values, Measure::MemoryLimitBytes, sample.memory_limit_bytes);
    rates(values, &sample.rates);
    count(values, Measure::Pids, sample.pids);
    stall(values, &sample.stall);
}

/// Adds the host's measures.
pub fn of_host(sample: &HostSample, values: &mut Values) {
    number(values, Measure::CpuPercent, sample.cpu_percent);
    number(values, Measure::UserPercent, sample.user_percent);
    number(values, Measure::SystemPercent, sample.system_percent);
    number(values, Measure::IowaitPercent, sample.iowait_percent);
    number(values, Measure::StealPercent, sample.steal_percent);
    let loads = [Measure::Load1, Measure::Load5, Measure::Load15];
    for (measure, load) in loads.into_iter().zip(sample.load) {
        number(values, measure, load);
    }
    count(values, Measure::MemoryBytes, sample.memory_used_bytes);
    count(values, Measure::MemoryLimitBytes, sample.memory_bytes);
    count(values, Measure::SwapUsedBytes, sample.swap_used_bytes);
    rates(values, &sample.rates);
    stall(values, &sample.stall);
    let under_voltage = sample.under_voltage.map(u64::from);
    count(values, Measure::UnderVoltage, under_voltage);
    number(
        values,
        Measure::ThermalThrottlesPerSec,
        sample.thermal_throttles_per_sec,
    );
}

/// Adds an interface's measures.
pub fn of_interface(sample: &InterfaceSample, values: &mut Values) {
    count(values, Measure::ReceivedBytesPerSec, sample.received);
    count(values, Measure::SentBytesPerSec, sample.sent);
    number(values, Measure::ReceiveFaultsPerSec, sample.receive_faults);
    number(values, Measure::SendFaultsPerSec, sample.send_faults);
}

/// Adds a file system's measures.
pub fn of_filesystem(sample: &FilesystemSample, values: &mut Values) {
    count(values, Measure::UsedBytes, sample.used_bytes);
    count(values, Measure::AvailableBytes, sample.available_bytes);
    count(values, Measure::SizeBytes, sample.size_bytes);
}

/// Adds a sensor's measure.
pub fn of_sensor(sample: &Temperature, values: &mut Values) {
    number(values, Measure::Celsius, sample.celsius);
}

fn rates(values: &mut Values, rates: &Rates) {
    count(values, Measure::ReceivedBytesPerSec, rates.received);
    count(values, Measure::SentBytesPerSec, rates.sent);
    count(values, Measure::ReadBytesPerSec, rates.read);
    count(values, Measure::WrittenBytesPerSec, rates.written);
}

fn stall(values: &mut Values, stall: &Stall) {
    number(values, Measure::CpuStallPercent, stall.cpu_percent);
    number(values, Measure::MemoryStallPercent, stall.memory_percent);
    number(values, Measure::IoStallPercent, stall.io_percent);
}

fn number(values: &mut Values, measure: Measure, value: Option<f32>) {
    values.extend(value.map(|value| (measure, f64::from(value))));
}

fn count(values: &mut Values, measure: Measure, value: Option<u64>) {
    values.extend(value.map(|value| (measure, value as f64)));
}
