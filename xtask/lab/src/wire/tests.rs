//! Both roles against each other.

use std::thread;

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

#[test]
fn both_roles_understand_each_other_until_one_closes() {
    let backend = FakeBackend::start().unwrap();
    let address = backend.address();
    thread::scope(|scope| {
        let agent = scope.spawn(move || {
            let mut agent = dial_as_agent(address, None)?;
            agent.send(&register_message("once", "engine", "host"))?;
            let answer = agent.json(DEADLINE)?;
            agent.send_binary(br#"{"type":"heartbeat"}"#)?;
            Ok::<_, anyhow::Error>((answer, agent.end(DEADLINE)?))
        });
        let (mut peer, register) = backend.register("for ever", DEADLINE).unwrap();
        assert_eq!(register["token"], "once");
        peer.ping().unwrap();
        let heartbeat = peer
            .find("heartbeat", DEADLINE, |frame| frame["type"] == "heartbeat")
            .unwrap();
        assert_eq!(heartbeat["type"], "heartbeat");
        peer.close(1000, "New connection established").unwrap();
        let (answer, end) = agent.join().unwrap().unwrap();
        assert_eq!(answer["permanent_token"], "for ever");
        assert_eq!(
            end,
            End::Closed(1000, "New connection established".to_owned())
        );
    });
}

#[test]
fn a_cut_is_told_from_a_close() {
    let backend = FakeBackend::start().unwrap();
    let address = backend.address();
    thread::scope(|scope| {
        let agent = scope.spawn(move || dial_as_agent(address, None)?.end(DEADLINE));
        backend.accept(DEADLINE).unwrap().cut().unwrap();
        assert_eq!(agent.join().unwrap().unwrap(), End::Cut);
    });
}

#[test]
fn silence_ends_at_the_deadline() {
    let backend = FakeBackend::start().unwrap();
    let address = backend.address();
    thread::scope(|scope| {
        let agent = scope.spawn(move || {
            let mut agent = dial_as_agent(address, None)?;
            agent.json(Duration::from_millis(20))
        });
        let _silent = backend.accept(DEADLINE).unwrap();
        let error = agent.join().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("no frame within"), "{error}");
    });
}
