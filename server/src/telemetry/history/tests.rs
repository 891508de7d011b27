//! The history as a whole: against a plain model, across restarts and power cuts, within its bounds of time and disk.

mod bounds;
mod cuts;
mod model;

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::{AgentId, HostId, Subject};
use smol::future::poll_once;
use tempfile::TempDir;

use super::answer::Answer;
use super::keeping::Scope;
use super::*;

/// A whole hour, so that blocks of the first host begin with it.
const BEGIN: u64 = 1_800_000_000_000;

const HOUR_MS: u64 = 3_600_000;

fn host() -> HostId {
    HostId::new("host").unwrap()
}

fn open(directory: &TempDir) -> History {
    let store = Store::open_as(directory.path(), &stored::LAYOUT).unwrap();
    History::on(store, Retention::default()).unwrap()
}

fn query(from_unix_ms: u64, to_unix_ms: u64, points: u64) -> Query {
    Query {
        host: host(),
        container: None,
        from_unix_ms,
        to_unix_ms,
        points,
        measures: Vec::new(),
    }
}

fn record(history: &History, at_unix_ms: u64, value: f64) {
    let values = [(Measure::Load1, value)];
    let row = Row {
        subject: &Subject::Host,
        values: &values,
    };
    history.record(&host(), at_unix_ms, 10_000, &[row]);
}

/// The highest values of the one series, where there are any.
fn peaks(answer: &Answer) -> Vec<f64> {
    let series = answer.series.first();
    series.map_or_else(Vec::new, |series| {
        series.max.iter().copied().flatten().collect()
    })
}

#[test]
fn what_was_spooled_is_recorded_exactly_once_also_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let agent = AgentId::new("agent").unwrap();
    let send = |history: &History, seq, value| {
        let mut rows = ticks::Ticks::default();
        let values = [(Measure::Load1, value)];
        rows.add(
            BEGIN,
            10_000,
            &[Row {
                subject: &Subject::Host,
                values: &values,
            }],
        );
        let late = Late {
            host: host(),
            agent: agent.clone(),
            run: RunId(7),
            before: marks::find(&history.store, &agent, RunId(7)).unwrap(),
            seq,
            ticks: rows,
        };
        let mut sent = std::pin::pin!(history.record_late(late));
        smol::block_on(async {
            assert!(poll_once(&mut sent).await.is_none());
            history.write_now(Scope::Late, BEGIN + 1000).unwrap();
            sent.await.unwrap();
        });
    };
    let check = |history: &History, sum: f64| {
        let answer = history
            .answer(&query(BEGIN - 60_000, BEGIN + 60_000, 12), BEGIN + 1000)
            .unwrap();
        // Rows of one bucket add up: were one recorded twice, the average would tell.
        assert_eq!(answer.series[0].avg.iter().flatten().sum::<f64>(), sum);
    };
    let history = open(&directory);
    send(&history, 1, 4.0);
    send(&history, 1, 4.0);
    check(&history, 4.0);
    send(&history, 2, 8.0);
    check(&history, 6.0);
    drop(history);
    let history = open(&directory);
    send(&history, 2, 8.0);
    send(&history, 1, 4.0);
    check(&history, 6.0);
    let reached = marks::find(&history.store, &agent, RunId(7)).unwrap();
    assert_eq!(reached, Some(2));
}

#[test]
fn an_orderly_stop_loses_nothing_and_a_crash_at_most_what_came_since_the_last_commit() {
    let directory = TempDir::new().unwrap();
    let history = open(&directory);
    for tick in 1..=6 {
        record(&history, BEGIN + tick * 10_000, tick as f64);
    }
    history.write_now(Scope::Minute, BEGIN + 60_000).unwrap();
    record(&history, BEGIN + 70_000, 7.0);
    let asked = query(BEGIN, BEGIN + 80_000, 300);
    assert_eq!(
        peaks(&history.answer(&asked, BEGIN + 80_000).unwrap()).len(),
        7
    );
    drop(history);
    let history = open(&directory);
    assert_eq!(
        peaks(&history.answer(&asked, BEGIN + 80_000).unwrap()).len(),
        6
    );
    record(&history, BEGIN + 70_000, 7.0);
    history.write_now(Scope::End, BEGIN + 80_000).unwrap();
    drop(history);
    let history = open(&directory);
    assert_eq!(
        peaks(&history.answer(&asked, BEGIN + 80_000).unwrap()).len(),
        7
    );
}

#[test]
fn a_damaged_history_is_put_aside_and_begun_anew() {
    let directory = TempDir::new().unwrap();
    std::fs::write(
        directory.path().join(stored::FILE_NAME),
        "no history at all",
    )
    .unwrap();
    let history = History::open(directory.path(), Retention::default()).unwrap();
    record(&history, BEGIN, 1.0);
    assert!(directory.path().join("history.redb.damaged").exists());
}

#[test]
fn a_history_that_only_the_full_disk_keeps_shut_is_not_damaged() {
    for (kind, expected) in [
        (ErrorKind::StorageFull, false),
        (ErrorKind::PermissionDenied, false),
        (ErrorKind::InvalidData, true),
        (ErrorKind::UnexpectedEof, true),
    ] {
        let error = DatabaseError::Storage(StorageError::Io(kind.into()));
        assert_eq!(is_damage(&error), expected, "{kind}");
    }
}

#[test]
fn what_comes_of_a_host_after_it_was_forgotten_is_refused() {
    let directory = TempDir::new().unwrap();
    let history = Arc::new(open(&directory));
    let agent = AgentId::new("agent").unwrap();
    smol::block_on(history.forget(&host(), &agent)).unwrap();
    record(&history, BEGIN, 1.0);
    let late = Late {
        host: host(),
        agent: agent.clone(),
        run: RunId(1),
        before: None,
        seq: 1,
        ticks: ticks::Ticks::default(),
    };
    let recording = history.record_late(late);
    smol::block_on(async {
        let mut recording = std::pin::pin!(recording);
        assert!(poll_once(&mut recording).await.is_none());
        history.write_now(Scope::Minute, BEGIN).unwrap();
        assert!(recording.await.is_err());
        assert_eq!(history.recorded(&agent, RunId(1)).await.unwrap(), None);
    });
    assert_eq!(history.stored_bytes().unwrap(), 0);
}

#[test]
fn a_query_ends_at_its_deadline_also_among_the_rows_of_one_entry() {
    let directory = TempDir::new().unwrap();
    let history = open(&directory);
    for tick in 1..=300 {
        record(&history, BEGIN + tick * 10_000, 1.0);
    }
    let query = query(BEGIN, BEGIN + HOUR_MS, 300);
    let mut answering = Answering::new(
        tier::Tier::TenSeconds,
        query.from_unix_ms,
        query.to_unix_ms,
        query.points,
        Vec::new(),
    );
    let (first, last) = answering.buckets();
    let wanted = Wanted {
        host: host(),
        container: None,
        tier: tier::Tier::TenSeconds,
        first,
        last,
    };
    let bounds = Bounds {
        give_up_at: clock::now(),
        bytes: QUERY_BYTES,
        now: clock::now,
    };
    let read = history.read(&wanted, bounds, &mut answering);
    assert!(matches!(read, Err(ReadError::TooSlow)), "{read:?}");
}

#[test]
fn a_forgotten_host_leaves_nothing_and_others_keep_theirs() {
    let directory = TempDir::new().unwrap();
    let history = Arc::new(open(&directory));
    let other = HostId::new("other").unwrap();
    for tick in 1..=400 {
        record(&history, BEGIN + tick * 10_000, 1.0);
        let values = [(Measure::Load1, 2.0)];
        let row = Row {
            subject: &Subject::Host,
            values: &values,
        };
        history.record(&other, BEGIN + tick * 10_000, 10_000, &[row]);
    }
    let now = BEGIN + 2 * HOUR_MS;
    history.write_now(Scope::Minute, BEGIN + HOUR_MS).unwrap();
    history.write_now(Scope::Minute, now).unwrap();
    record(&history, now, 1.0);
    smol::block_on(history.forget(&host(), &AgentId::new("agent").unwrap())).unwrap();
    for points in [1, 2000] {
        let mut asked = query(BEGIN, now, points);
        assert!(peaks(&history.answer(&asked, now).unwrap()).is_empty());
        asked.host = other.clone();
        assert_eq!(
            peaks(&history.answer(&asked, now).unwrap()).first(),
            Some(&2.0)
        );
    }
}
