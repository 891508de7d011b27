//! The history's routes: what is recorded comes back, and what is asked wrongly is refused by name.

use pilotfish_protocol::{HostId, ShortId, Subject};
use serde_json::{Value, json};

use crate::clock;
use crate::peer::Peer;
use crate::rig::{Rig, Session, Setup};
use crate::telemetry::measure::{Measure, Row};

const STEP_MS: u64 = 10_000;

/// A host with a quarter of an hour of history, up to now.
struct Recorded {
    rig: Rig,
    session: Session,
    host: HostId,
    begin_unix_ms: u64,
}

impl Recorded {
    fn start() -> Recorded {
        let rig = Rig::start();
        let enrolled = Peer::enrolled(&rig, "HISTORY");
        let recorded = Recorded {
            session: rig.log_in(),
            host: HostId::new(enrolled.host_id).unwrap(),
            begin_unix_ms: (clock::unix_ms() / STEP_MS - 100) * STEP_MS,
            rig,
        };
        for tick in 1..=90 {
            recorded.record(tick);
        }
        recorded
    }

    fn record(&self, tick: u32) {
        let container = Subject::Container {
            id: ShortId([0xab; 6]),
            name: "web".to_owned(),
        };
        let cpu = [(Measure::CpuPercent, f64::from(tick))];
        let memory = [(Measure::MemoryBytes, 4096.0), (Measure::Pids, 3.0)];
        let rows = [
            Row {
                subject: &Subject::Host,
                values: &cpu,
            },
            Row {
                subject: &container,
                values: &memory,
            },
        ];
        let at_unix_ms = self.begin_unix_ms + u64::from(tick) * STEP_MS;
        self.rig
            .app
            .history
            .record(&self.host, at_unix_ms, STEP_MS, &rows);
    }

    fn ask(&self, path: &str, query: &str) -> crate::rig::Reply {
        let line = format!("GET /api/v1/hosts/{}{path}?{query}", self.host);
        self.rig.ask_as(&self.session, &line, "")
    }

    fn range(&self) -> String {
        let end_unix_ms = self.begin_unix_ms + 90 * STEP_MS;
        format!(
            "from_unix_ms={}&to_unix_ms={end_unix_ms}",
            self.begin_unix_ms
        )
    }
}

#[track_caller]
fn check_series(told: &Value, subject: &str, measure: &str, max: &[f64]) {
    let series = told["series"].as_array().unwrap();
    let found = series
        .iter()
        .find(|found| found["subject"] == subject && found["measure"] == measure);
    assert_eq!(found.unwrap()["max"], json!(max), "{told}");
}

#[test]
fn a_hosts_history_comes_back_at_once_and_without_its_containers() {
    let recorded = Recorded::start();
    let reply = recorded.ask("/history", &recorded.range());
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    assert_eq!(
        (&told["tier_seconds"], &told["step_ms"]),
        (&json!(10), &json!(STEP_MS))
    );
    assert_eq!(told["series"].as_array().unwrap().len(), 1);
    assert_eq!(told["gaps"], json!([]));
    let expected: Vec<f64> = (1..=90).map(f64::from).collect();
    check_series(&told, "host", "cpu_percent", &expected);
}

#[test]
fn a_containers_history_is_found_by_its_id_and_survives_a_restart() {
    let recorded = Recorded::start();
    let range = recorded.range();
    let check = |recorded: &Recorded| {
        let path = "/containers/abababababab/history";
        let told = recorded
            .ask(path, &format!("{range}&points=3&measures=pids,cpu_percent"))
            .json();
        assert_eq!(told["series"].as_array().unwrap().len(), 1, "{told}");
        check_series(&told, "container:abababababab", "pids", &[3.0; 3]);
    };
    check(&recorded);
    let Recorded {
        rig,
        host,
        begin_unix_ms,
        ..
    } = recorded;
    let directory = Some(rig.stop());
    let rig = Rig::start_with(Setup {
        directory,
        ..Setup::default()
    });
    let session = rig.log_in();
    check(&Recorded {
        rig,
        session,
        host,
        begin_unix_ms,
    });
}

#[test]
fn what_is_asked_wrongly_is_refused_by_name() {
    let recorded = Recorded::start();
    for (query, detail) in [
        ("points=0", "query: points: not in 1..=2000"),
        ("points=2001", "query: points: not in 1..=2000"),
        (
            "from_unix_ms=5&to_unix_ms=5",
            "query: from_unix_ms: not before to_unix_ms",
        ),
        (
            "from_unix_ms=0",
            "query: from_unix_ms: more than ten years before to_unix_ms",
        ),
        (
            "from_unix_ms=-1",
            "query: from_unix_ms: invalid digit found in string",
        ),
        ("measures=cpu", "query: measures: \"cpu\" is no measure"),
    ] {
        let reply = recorded.ask("/history", query);
        reply.check_problem(400, "bad-request");
        assert_eq!(reply.json()["detail"], detail);
    }
    recorded
        .ask("/containers/web/history", "")
        .check_problem(404, "not-found");
    let line = "GET /api/v1/hosts/nobody/history";
    recorded
        .rig
        .ask_as(&recorded.session, line, "")
        .check_problem(404, "not-found");
    recorded
        .rig
        .ask(line, &[], "")
        .check_problem(401, "unauthenticated");
}

#[test]
fn a_removed_host_takes_its_history_with_it() {
    let recorded = Recorded::start();
    let line = format!("DELETE /api/v1/hosts/{}", recorded.host);
    assert_eq!(
        recorded.rig.ask_as(&recorded.session, &line, "").status,
        204
    );
    recorded
        .ask("/history", &recorded.range())
        .check_problem(404, "not-found");
    let query = crate::telemetry::history::Query {
        host: recorded.host.clone(),
        container: None,
        from_unix_ms: recorded.begin_unix_ms,
        to_unix_ms: clock::unix_ms(),
        points: 300,
        measures: Vec::new(),
    };
    let left = smol::block_on(recorded.rig.app.history.query(query)).unwrap();
    assert!(left.series.is_empty(), "{left:?}");
}
