//! Pure: the numbers of a container as the Docker CLI prints them, as the Engine tells them, and as the server does; and whether
//! they agree.

use serde_json::Value;

/// How far the CPU percentages may be apart, averaged over the time of comparison; 100 is one core.
const CPU_TOLERANCE_PERCENT: f64 = 2.0;
/// The agent tells KiB, rounded down.
const KIB: u64 = 1024;

/// What `docker stats` prints: a number with a unit, rounded to a few digits.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    bytes: f64,
    /// Half a unit of its last digit.
    rounding_bytes: f64,
}

impl Shown {
    /// Reads `1.05MB` or `4.332MiB`; `digits` are the significant ones.
    fn parse(text: &str, digits: i32) -> Option<Self> {
        let text = text.trim();
        let split = text.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = text[..split].parse().ok()?;
        let unit = match &text[split..] {
            "B" => 1.0,
            "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a power of ten below 20")]
        let magnitude = number.abs().max(1.0).log10().floor() as i32;
        Some(Self {
            bytes: number * unit,
            rounding_bytes: 0.5 * unit * 10_f64.powi(magnitude + 1 - digits),
        })
    }

    /// Tells whether this can be `bytes`, which were rounded down to KiB, rounded as the CLI does.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a small machine")]
    fn is(self, bytes: u64) -> bool {
        let apart = self.bytes - bytes as f64;
        apart >= -self.rounding_bytes - 1.0 && apart <= self.rounding_bytes + KIB as f64
    }
}

/// One number of a container from all three, and the verdict.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) container: String,
    pub(super) what: &'static str,
    pub(super) cli: String,
    pub(super) engine: String,
    pub(super) server: String,
    pub(super) agrees: bool,
}

/// How much of the clock's time `/proc/stat` has counted between two readings of `/proc/uptime` with `/proc/stat` behind it; 1 on a
/// machine that loses no timer ticks.
///
/// `docker stats` divides by what was counted. An emulated machine on a busy host loses ticks, so its percentages are too high by that.
pub(super) fn counted_share(before: &str, after: &str) -> Option<f64> {
    let ((before_at, before), (after_at, after)) = (ticks(before)?, ticks(after)?);
    (after_at > before_at).then(|| (after - before) / (after_at - before_at))
}

/// The uptime in seconds, and the seconds that were counted for each CPU on average.
fn ticks(text: &str) -> Option<(f64, f64)> {
    let uptime = text.split_whitespace().next()?.parse().ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq, as the Engine adds them up; hundredths of a second.
    let ticks: f64 = total
        .split_whitespace()
        .take(7)
        .filter_map(|number| number.parse::<f64>().ok())
        .sum();
    let is_cpu = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let cpus = f64::from(u32::try_from(text.lines().filter(is_cpu).count()).ok()?);
    (cpus > 0.0).then(|| (uptime, ticks / 100.0 / cpus))
}

/// Compares the means of the CPU percentages, the CLI's put right by [`counted_share`]; nothing on either side disagrees.
pub(super) fn cpu(
    container: &str,
    cli_percent: &[f64],
    counted_share: f64,
    server_percent: &[f64],
) -> Row {
    let (cli, server) = (mean(cli_percent), mean(server_percent));
    let by_clock = cli.map(|cli| cli * counted_share);
    let apart = by_clock
        .zip(server)
        .map(|(cli, server)| (cli - server).abs());
    let shown = |mean: Option<f64>, of: usize| {
        mean.map_or_else(
            || "absent".to_owned(),
            |mean| format!("{mean:.2} % (mean of {of})"),
        )
    };
    Row {
        container: container.to_owned(),
        what: "CPU",
        cli: shown(cli, cli_percent.len()),
        engine: by_clock.map_or_else(String::new, |percent| format!("{percent:.2} %")),
        server: shown(server, server_percent.len()),
        agrees: apart.is_some_and(|apart| apart <= CPU_TOLERANCE_PERCENT),
    }
}

/// Compares memory and the totals of network and disk of a container that is at rest.
///
/// `cli` is an object of `docker stats --format '{{json .}}'`, `engine` one of the Engine's stats, `server` one of the server's containers.
pub(super) fn totals(container: &str, cli: &Value, engine: &Value, server: &Value) -> Vec<Row> {
    let stats = &server["stats"];
    let interfaces = |field: &str| -> u64 {
        let networks = engine["networks"].as_object();
        networks.map_or(0, |networks| {
            networks
                .values()
                .filter_map(|network| network[field].as_u64())
                .sum()
        })
    };
    let halves = |field: &str| -> (String, String) {
        let text = cli[field].as_str().unwrap_or_default();
        let (left, right) = text.split_once(" / ").unwrap_or_default();
        (left.to_owned(), right.to_owned())
    };
    let (memory, _) = halves("MemUsage");
    let (received, sent) = halves("NetIO");
    let (was_read, written) = halves("BlockIO");
    [
        (
            "memory",
            memory,
            4,
            Some(used_memory(engine)),
            "memory_bytes",
        ),
        (
            "received",
            received,
            3,
            Some(interfaces("rx_bytes")),
            "network_rx_bytes",
        ),
        (
            "sent",
            sent,
            3,
            Some(interfaces("tx_bytes")),
            "network_tx_bytes",
        ),
        (
            "read",
            was_read,
            3,
            Some(blocks(engine, "read")),
            "disk_read_bytes",
        ),
        (
            "written",
            written,
            3,
            Some(blocks(engine, "write")),
            "disk_write_bytes",
        ),
    ]
    .into_iter()
    .map(|(what, cli, digits, engine, field)| {
        let server = stats[field].as_u64();
        let is_shown = Shown::parse(&cli, digits)
            .zip(server)
            .is_some_and(|(shown, bytes)| shown.is(bytes));
        Row {
            container: container.to_owned(),
            what,
            agrees: is_shown && engine.map(|bytes| bytes / KIB) == server.map(|bytes| bytes / KIB),
            cli,
            engine: shown_bytes(engine),
            server: shown_bytes(server),
        }
    })
    .collect()
}

/// Memory as the CLI defines it (`calculateMemUsageUnixNoCache`).
fn used_memory(engine: &Value) -> u64 {
    let memory = &engine["memory_stats"];
    let usage = memory["usage"].as_u64().unwrap_or_default();
    let stats = &memory["stats"];
    let cache = stats["total_inactive_file"]
        .as_u64()
        .filter(|cache| *cache < usage);
    let cache = cache.or_else(|| {
        stats["inactive_file"]
            .as_u64()
            .filter(|cache| *cache < usage)
    });
    usage - cache.unwrap_or_default()
}

fn blocks(engine: &Value, operation: &str) -> u64 {
    let entries = engine["blkio_stats"]["io_service_bytes_recursive"].as_array();
    entries.map_or(0, |entries| {
        entries
            .iter()
            .filter(|entry| {
                entry["op"]
                    .as_str()
                    .is_some_and(|op| op.eq_ignore_ascii_case(operation))
            })
            .filter_map(|entry| entry["value"].as_u64())
            .sum()
    })
}

fn shown_bytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "absent".to_owned(), |bytes| format!("{bytes} B"))
}

#[expect(clippy::cast_precision_loss, reason = "a few numbers")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The rows as a table.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<10} {:<9} {:>24} {:>14} {:>24}\n",
        "container", "", "docker stats", "reference", "Pilotfish"
    );
    for row in rows {
        let verdict = if row.agrees { "" } else { "  <-- differs" };
        text.push_str(&format!(
            "{:<10} {:<9} {:>24} {:>14} {:>24}{verdict}\n",
            row.container, row.what, row.cli, row.engine, row.server
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, digits: i32, bytes: u64, expected: bool) {
        let shown = Shown::parse(text, digits).unwrap();
        assert_eq!(shown.is(bytes), expected, "{shown:?}");
    }

    #[test]
    fn a_shown_number_is_what_was_rounded_to_it_and_nothing_else() {
        check("0B", 3, 0, true);
        check("1.05MB", 3, 1_050_000, true);
        check("1.05MB", 3, 1_045_000, true);
        check("1.05MB", 3, 1_043_000, false);
        check("1.05MB", 3, 1_056_000, false);
        check("4.332MiB", 4, 4_542_464, true);
        check("4.332MiB", 4, 4_544_512, false);
        check("656B", 3, 0, true);
        check("656B", 3, 1024, false);
        assert_eq!(Shown::parse("--", 3), None);
    }

    #[test]
    fn an_absent_value_never_agrees() {
        assert!(!cpu("a", &[], 1.0, &[]).agrees);
        assert!(!cpu("a", &[1.0], 1.0, &[]).agrees);
        let cli = json!({ "MemUsage": "0B / 0B", "NetIO": "0B / 0B", "BlockIO": "0B / 0B" });
        let rows = totals("a", &cli, &json!({}), &json!({ "stats": null }));
        assert!(rows.iter().all(|row| !row.agrees), "{rows:?}");
    }

    #[test]
    fn percentages_agree_within_two_points_of_the_means() {
        assert!(cpu("a", &[48.0, 52.0], 1.0, &[51.9]).agrees);
        assert!(!cpu("a", &[48.0, 52.0], 1.0, &[52.1]).agrees);
        assert!(cpu("a", &[50.0], 0.8, &[40.0]).agrees);
    }

    #[test]
    fn lost_ticks_are_seen_in_what_was_counted() {
        let before = "10.00 15.00\ncpu  100 0 100 1800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 1\n";
        let whole = "20.00 15.00\ncpu  200 0 200 3600 0 0 0 9 9 9\ncpu0 1\ncpu1 1\nintr 1\n";
        let lossy = "20.00 15.00\ncpu  200 0 200 3200 0 0 0 9 9 9\ncpu0 1\ncpu1 1\nintr 1\n";
        assert_eq!(counted_share(before, whole), Some(1.0));
        assert_eq!(counted_share(before, lossy), Some(0.8));
        assert_eq!(counted_share(before, before), None);
        assert_eq!(counted_share("", whole), None);
    }

    #[test]
    fn totals_agree_when_cli_engine_and_server_tell_the_same() {
        let cli =
            json!({ "MemUsage": "1MiB / 64MiB", "NetIO": "2.05kB / 0B", "BlockIO": "0B / 1.05MB" });
        let engine = json!({
            "memory_stats": { "usage": 2_097_152, "stats": { "inactive_file": 1_048_576 } },
            "networks": { "eth0": { "rx_bytes": 2048, "tx_bytes": 0 } },
            "blkio_stats": { "io_service_bytes_recursive": [ { "op": "Write", "value": 1_048_576 } ] },
        });
        let stats = json!({ "memory_bytes": 1_048_576, "network_rx_bytes": 2048, "network_tx_bytes": 0, "disk_read_bytes": 0, "disk_write_bytes": 1_048_576 });
        let rows = totals("a", &cli, &engine, &json!({ "stats": stats }));
        assert!(rows.iter().all(|row| row.agrees), "{}", table(&rows));
        let mut wrong = stats;
        wrong["memory_bytes"] = 2_097_152.into();
        let rows = totals("a", &cli, &engine, &json!({ "stats": wrong }));
        assert_eq!(rows.iter().filter(|row| !row.agrees).count(), 1);
    }
}
