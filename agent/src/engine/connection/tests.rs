//! A scripted Engine on a real socket: what is sent to it and what its answers become.

use std::path::PathBuf;

use futures_lite::future::block_on;
use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};
use pilotfish_protocol::{ContainerId, limits};
use smol::net::unix::UnixListener;

use super::*;
use crate::engine::events::recall::Recalled;
use crate::engine::events::{Happened, TOLD};
use crate::engine::follow::{EngineNews, follow};
use crate::engine::logs::LogText;
use crate::engine::path::Encoded;

const VERSION: &str = r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}"#;

fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", body)
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Plays an Engine that gives `answers`, one per connection, while `client` speaks to it; returns what the client got and the first line
/// of each request.
fn play<T>(answers: &[Vec<u8>], client: impl AsyncFnOnce(&Engine) -> T) -> (T, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let socket: PathBuf = dir.path().join("engine.sock");
    let mut requests = Vec::new();
    let got = block_on(async {
        let listener = UnixListener::bind(&socket).unwrap();
        let engine = Engine::new(Endpoint::Unix(socket));
        let serve = async {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.unwrap();
                    request.push(byte[0]);
                }
                let request = String::from_utf8(request).unwrap();
                requests.push(request.lines().next().unwrap().to_owned());
                // The client may have heard enough and be gone.
                let _sent = stream.write_all(answer).await;
            }
            // More connections are refused.
            drop(listener);
            future::pending().await
        };
        or(serve, client(&engine)).await
    });
    (got, requests)
}

fn id() -> ContainerId {
    ContainerId::new("0123456789ab").unwrap()
}

#[test]
fn the_version_is_agreed_on_before_the_first_call_and_kept() {
    let answers = [
        ok(VERSION),
        answer("204 No Content", ""),
        answer("304 Not Modified", ""),
    ];
    let (got, requests) = play(&answers, async |engine: &Engine| {
        (engine.start(&id()).await, engine.pause(&id()).await)
    });
    assert!(matches!(got, (Ok(()), Ok(()))), "{got:?}");
    let expected = [
        "GET /version HTTP/1.1",
        "POST /v1.41/containers/0123456789ab/start HTTP/1.1",
        "POST /v1.41/containers/0123456789ab/pause HTTP/1.1",
    ];
    assert_eq!(requests, expected);
}

#[test]
fn the_version_is_agreed_on_again_after_a_connection_failed() {
    let newer = r#"{"Version":"29.0.0","ApiVersion":"1.52","MinAPIVersion":"1.44"}"#;
    let answers = [ok(VERSION), ok("[]"), Vec::new(), ok(newer), ok("[]")];
    let (_, requests) = play(&answers, async |engine: &Engine| {
        engine.network_subnets().await.unwrap();
        let error = engine.network_subnets().await.unwrap_err();
        assert!(matches!(error, EngineError::Framing { .. }), "{error:?}");
        engine.network_subnets().await.unwrap();
    });
    assert_eq!(
        requests[2..],
        [
            "GET /v1.41/networks HTTP/1.1",
            "GET /version HTTP/1.1",
            "GET /v1.52/networks HTTP/1.1"
        ]
    );
}

#[test]
fn another_engine_in_place_of_the_first_is_noticed_by_its_refusal() {
    let newer = r#"{"Version":"29.0.0","ApiVersion":"1.52","MinAPIVersion":"1.44"}"#;
    let refusal =
        r#"{"message":"client version 1.41 is too old. Minimum supported API version is 1.44"}"#;
    let answers = [
        ok(VERSION),
        answer("400 Bad Request", refusal),
        ok(newer),
        ok("[]"),
    ];
    let (got, requests) = play(&answers, async |engine: &Engine| {
        engine.network_subnets().await
    });
    assert!(got.is_ok(), "{got:?}");
    assert_eq!(requests[3], "GET /v1.52/networks HTTP/1.1");
}

#[test]
fn an_answer_above_the_cap_is_an_error_and_one_at_the_cap_is_read() {
    let at_cap = "x".repeat(limits::ANSWER_BYTES);
    let (got, _) = play(&[ok(VERSION), ok(&at_cap)], async |engine: &Engine| {
        engine.stats(&id()).await
    });
    assert_eq!(got.unwrap().len(), limits::ANSWER_BYTES);
    let above = at_cap + "x";
    let (got, _) = play(&[ok(VERSION), ok(&above)], async |engine: &Engine| {
        engine.stats(&id()).await
    });
    assert!(matches!(got, Err(EngineError::TooLarge { .. })));
}

#[test]
fn an_answer_that_breaks_off_is_an_error_at_every_byte() {
    let whole = ok("[]");
    for end in 0..whole.len() {
        let answers = [ok(VERSION), whole[..end].to_vec()];
        let (got, _) = play(&answers, async |engine: &Engine| {
            engine.network_subnets().await
        });
        assert!(
            matches!(got, Err(EngineError::Framing { .. })),
            "{end}: {got:?}"
        );
    }
}

#[test]
fn an_answer_that_is_no_json_is_not_taken_for_a_lost_connection() {
    let (got, _) = play(&[ok(VERSION), ok("<html>")], async |engine: &Engine| {
        engine.network_subnets().await
    });
    assert!(got.is_err_and(|error| matches!(error, EngineError::Json { .. }) && !error.is_unreachable()));
}

#[test]
fn the_engines_words_reach_the_caller() {
    let message = r#"{"message":"No such container: 0123456789ab"}"#;
    let (got, _) = play(
        &[ok(VERSION), answer("404 Not Found", message)],
        async |engine: &Engine| engine.start(&id()).await,
    );
    assert_eq!(got.unwrap_err().reason(), "No such container: 0123456789ab");
}

#[test]
fn a_log_in_chunks_is_put_together() {
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n2 h\r\n4\r\n\u{e9}!\n\r\n0\r\n\r\n";
    let answers = [ok(VERSION), chunks.into()];
    let (got, requests) = play(&answers, async |engine: &Engine| {
        engine.logs(&id(), 5).await
    });
    assert_eq!(
        got.unwrap(),
        LogText {
            text: "2 hé!\n".into(),
            is_cut: false
        }
    );
    let expected = "GET /v1.41/containers/0123456789ab/logs?stdout=true&stderr=true&timestamps=true&tail=5 HTTP/1.1";
    assert_eq!(requests[1], expected);
}

#[test]
fn a_name_stays_one_value_of_the_query() {
    let answers = [ok(VERSION), answer("204 No Content", "")];
    let (got, requests) = play(&answers, async |engine: &Engine| {
        engine.rename(&id(), "a&b=c d").await
    });
    got.unwrap();
    assert_eq!(
        requests[1],
        "POST /v1.41/containers/0123456789ab/rename?name=a%26b%3Dc%20d HTTP/1.1"
    );
}

#[test]
fn a_list_is_completed_once_and_a_container_that_went_meanwhile_stays_in_it() {
    let list = r#"[{"Id":"aaaaaaaaaaaa","ImageID":"sha256:1","State":"running"},{"Id":"bbbbbbbbbbbb","ImageID":"sha256:1","State":"created"}]"#;
    let started = r#"{"State":{"StartedAt":"2026-11-23T21:05:00.123456789Z"}}"#;
    let image = r#"{"RepoDigests":["nginx@sha256:2"]}"#;
    let gone = answer(
        "404 Not Found",
        r#"{"message":"No such container: bbbbbbbbbbbb"}"#,
    );
    let answers = [
        ok(VERSION),
        ok(list),
        ok(started),
        ok(image),
        gone.clone(),
        ok(list),
        gone,
    ];
    let (containers, requests) = play(&answers, async |engine: &Engine| {
        engine.list_containers().await.unwrap();
        engine.list_containers().await.unwrap()
    });
    assert_eq!(requests.len(), answers.len(), "{requests:?}");
    assert_eq!(requests[3], "GET /v1.41/images/sha256%3A1/json HTTP/1.1");
    assert_eq!(
        containers[0].started_at.unwrap().unix_ms(),
        1_795_467_900_123
    );
    assert_eq!(containers[1].started_at, None);
    assert!(
        containers
            .iter()
            .all(|container| container.repo_digests == ["nginx@sha256:2"])
    );
}

#[test]
fn a_list_that_takes_too_long_to_complete_is_told_as_it_is() {
    let list = r#"[{"Id":"aaaaaaaaaaaa","ImageID":"sha256:1","State":"running"}]"#;
    // The third connection is taken, and its answer waited for.
    let answers = [ok(VERSION), ok(list), ok("{}")];
    let (containers, _) = play(&answers, async |engine: &Engine| {
        engine.list_completed_within(Duration::ZERO).await.unwrap()
    });
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0].started_at, None);
}

#[test]
fn which_containers_run_takes_one_question() {
    let list = r#"[{"Id":"aaaaaaaaaaaa","ImageID":"sha256:1","State":"running"}]"#;
    let (running, requests) = play(&[ok(VERSION), ok(list)], async |engine: &Engine| {
        engine.running_containers().await.unwrap()
    });
    assert_eq!(running[0].as_str(), "aaaaaaaaaaaa");
    assert_eq!(requests[1..], ["GET /v1.41/containers/json HTTP/1.1"]);
}

#[test]
fn events_come_one_by_one_and_the_end_of_the_stream_is_told() {
    let id = "a".repeat(64);
    let line = |action: &str| {
        format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}"}},"timeNano":7}}"#
        )
    };
    let body = format!(
        "{}\n{}\n{}\n",
        line("create"),
        "x".repeat(70_000),
        line("start")
    );
    let answers = [ok(VERSION), ok(&body)];
    let (actions, requests) = play(&answers, async |engine: &Engine| {
        let mut stream = engine.events("7.000000001").await.unwrap();
        let mut actions = Vec::new();
        while let Some(event) = stream.next().await.unwrap() {
            match event.happened {
                Happened::Event(event) => actions.push(event.action),
                Happened::Rewired(id) => panic!("{id:?}"),
            }
        }
        actions
    });
    assert_eq!(actions, ["create", "start"]);
    let filters =
        serde_json::json!({ "event": TOLD, "type": ["container", "network"] }).to_string();
    assert_eq!(
        requests[1],
        format!(
            "GET /v1.41/events?since=7.000000001&filters={} HTTP/1.1",
            Encoded(&filters)
        )
    );
}

#[test]
fn what_the_engine_remembers_is_asked_for_up_to_a_time() {
    let id = "a".repeat(64);
    let line = |action: &str, nano: u64| {
        format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}"}},"timeNano":{nano}}}"#
        )
    };
    let body = [line("create", 5_000_400_000), line("start", 6_000_000_000)].join("\n");
    let answers = [ok(VERSION), ok(&format!("{body}\n"))];
    let (recalled, requests) = play(&answers, async |engine: &Engine| {
        // The last known one is known to the millisecond.
        let recalled = engine
            .recall(5_000_000_000, 0, 9_000_000_007)
            .await
            .unwrap();
        let nothing = engine
            .recall(9_000_000_007, 0, 9_000_000_007)
            .await
            .unwrap();
        assert_eq!(nothing, Recalled::default());
        recalled
    });
    let actions: Vec<_> = recalled.events.iter().map(|e| e.action.as_str()).collect();
    assert_eq!((actions, recalled.gap), (vec!["start"], None));
    let asked = "GET /v1.41/events?since=5.000000000&until=9.000000007&filters=";
    assert!(requests[1].starts_with(asked), "{requests:?}");
    assert_eq!(requests.len(), 2);
}

#[test]
fn following_tells_up_then_what_happens_once_then_down() {
    let id = "a".repeat(64);
    let line =
        format!(r#"{{"Type":"container","Action":"start","Actor":{{"ID":"{id}"}},"timeNano":7}}"#);
    let answers = [ok(VERSION), ok(&format!("{line}\n{line}\n"))];
    let (told, requests) = play(&answers, async |engine: &Engine| {
        let (sender, news) = async_channel::bounded(1);
        let read = async {
            let mut told = Vec::new();
            while told.len() < 3 {
                told.push(news.recv().await.unwrap());
            }
            told
        };
        let follow = async {
            follow(engine, 7, &sender).await;
            Vec::new()
        };
        or(read, follow).await
    });
    let [
        EngineNews::Up,
        EngineNews::Event(event),
        EngineNews::Down { why },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        (event.action.as_str(), event.container_id.as_str()),
        ("start", id.as_str())
    );
    assert!(why.starts_with("cannot open Engine socket"), "{why}");
    assert!(
        requests[1].starts_with("GET /v1.41/events?since="),
        "{requests:?}"
    );
}

/// What is told of an Engine whose event stream ends after a start, when it then remembers `lines`; and what it was asked.
fn told_of_a_broken_stream(lines: &[String]) -> (Vec<EngineNews>, Vec<String>) {
    let remembered: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answers = [
        ok(VERSION),
        ok(&format!("{}\n", event_line("start", 7))),
        // Asked when the stream ends, and when it is to be opened again.
        ok(VERSION),
        ok(VERSION),
        ok(&remembered),
        ok(&format!("{}\n", event_line("destroy", 9))),
    ];
    play(&answers, async |engine: &Engine| {
        let (sender, news) = async_channel::bounded(1);
        let read = async {
            let mut told = Vec::new();
            loop {
                let next = news.recv().await.unwrap();
                let is_last =
                    matches!(&next, EngineNews::Event(event) if event.action == "destroy");
                told.push(next);
                if is_last {
                    return told;
                }
            }
        };
        let follow = async {
            follow(engine, 7, &sender).await;
            Vec::new()
        };
        or(read, follow).await
    })
}

fn event_line(action: &str, nano: u64) -> String {
    let id = "a".repeat(64);
    format!(
        r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}"}},"timeNano":{nano}}}"#
    )
}

fn words(told: &[EngineNews]) -> Vec<&str> {
    let word = |news| match news {
        &EngineNews::Up => "up",
        EngineNews::Down { .. } => "down",
        EngineNews::Event(event) => event.action.as_str(),
        EngineNews::Rewired(_) => "rewired",
        EngineNews::Gap(_) => "gap",
    };
    told.iter().map(word).collect()
}

#[test]
fn a_stream_that_broke_goes_on_without_a_gap_when_its_last_event_is_remembered() {
    let lines = [event_line("start", 7), event_line("die", 8)];
    let (told, requests) = told_of_a_broken_stream(&lines);
    assert_eq!(words(&told), ["up", "start", "die", "destroy"]);
    assert!(requests[4].contains("/events?since=0.000000000&until="));
    assert!(!requests[5].contains("until="), "{requests:?}");
}

#[test]
fn a_stream_that_broke_has_a_gap_when_its_last_event_is_forgotten() {
    // In the year 2200: nobody listened then.
    let (told, _) = told_of_a_broken_stream(&[event_line("die", 7_258_118_400_000_000_000)]);
    assert_eq!(words(&told), ["up", "start", "die", "gap", "destroy"]);
}
