//! Enrolment on a store of its own: tokens, names, what is stored.

use pilotfish_protocol::{EngineId, Text, Token};

use super::*;
use crate::store::registration_tokens::TokenRecord;
use crate::store::tests::Scratch;

fn put_token(scratch: &Scratch, multi_use: bool) -> Token {
    let secret = Secret::generate().unwrap();
    let record = TokenRecord {
        id: "t".to_owned(),
        created_unix_ms: 0,
        expires_unix_ms: 100,
        multi_use,
        uses: 0,
        created_by: "admin".to_owned(),
    };
    registration_tokens::put(&scratch.store, &secret.hash(), &record).unwrap();
    Token::new(secret.expose()).unwrap()
}

fn register(token: &Token, engine: &str) -> Register {
    let mut register = Register::new(token.clone(), EngineId::new(engine).unwrap(), "1", "1.1");
    register.hostname = Some(Text::cut("pi"));
    register
}

fn permanent(admitted: &Admitted) -> Token {
    Token::new(admitted.enrolled.as_ref().unwrap().permanent_token.expose()).unwrap()
}

#[track_caller]
fn check_refused(scratch: &Scratch, register: &Register, now: u64, expected: Refusal) {
    match admit(&scratch.store, register, now) {
        Err(EnrolmentError::Refused(refusal)) => assert_eq!(refusal, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_past_its_life_lets_nobody_in() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    check_refused(&scratch, &register(&token, "E"), 100, Refusal::TokenExpired);
    admit(&scratch.store, &register(&token, "E"), 99).unwrap();
    check_refused(&scratch, &register(&token, "F"), 99, Refusal::TokenUsedUp);
}

#[test]
fn a_multi_use_token_lets_many_in_and_none_of_their_names_collide() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, true);
    let names: Vec<String> = (0..3)
        .map(|n| {
            admit(&scratch.store, &register(&token, &format!("E{n}")), 1)
                .unwrap()
                .host
                .name
        })
        .collect();
    assert_eq!(names, ["pi", "pi-2", "pi-3"]);
}

#[test]
fn the_permanent_token_is_nowhere_in_the_record() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let admitted = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    let secret = permanent(&admitted);
    let record = serde_json::to_string(&admitted.agent).unwrap();
    assert!(!record.contains(secret.expose()));
    assert_ne!(secret.expose(), admitted.agent.id.as_str());
}

#[test]
fn what_a_returning_agent_tells_anew_is_stored_and_the_rest_stays() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let mut first = register(&token, "E");
    first.os_version = Some(Text::cut("Debian 13"));
    first.docker_version = Some(Text::cut("29.0"));
    let admitted = admit(&scratch.store, &first, 1).unwrap();
    let mut again = register(&permanent(&admitted), "E");
    again.version = Text::cut("2");
    again.hostname = Some(Text::cut("pi-4"));
    let back = admit(&scratch.store, &again, 2).unwrap();
    assert!(back.enrolled.is_none());
    assert_eq!(
        (back.agent.id.clone(), back.host.id.clone()),
        (admitted.agent.id, admitted.host.id)
    );
    assert_eq!(
        (back.agent.version.as_str(), back.host.name.as_str()),
        ("2", "pi-4")
    );
    assert_eq!(back.host.system.os.as_deref(), Some("Debian 13"));
    assert_eq!(back.host.engine_version.as_deref(), Some("29.0"));
    let stored = hosts::find(&scratch.store, &back.host.id).unwrap().unwrap();
    assert_eq!(stored, back.host);
}

#[test]
fn a_wrong_engine_is_refused_and_changes_nothing() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let admitted = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    let mut other = register(&permanent(&admitted), "F");
    other.version = Text::cut("2");
    check_refused(&scratch, &other, 2, Refusal::EngineMismatch);
    assert_eq!(agents::list(&scratch.store).unwrap()[0].0, admitted.agent);
}

#[test]
fn the_token_of_a_removed_host_is_unknown() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let admitted = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    hosts::remove(&scratch.store, &admitted.host.id).unwrap();
    let again = register(&permanent(&admitted), "E");
    check_refused(&scratch, &again, 2, Refusal::TokenUnknown);
}

/// Registers, as one who was enrolled and did not hear the answer, or as one who did.
#[track_caller]
fn check_again(scratch: &Scratch, register: &Register, now: u64, first: &Admitted) -> Admitted {
    let again = admit(&scratch.store, register, now).unwrap();
    assert!(again.enrolled.as_ref().unwrap().is_again);
    assert_eq!(
        (&again.agent.id, &again.host.id),
        (&first.agent.id, &first.host.id)
    );
    assert_ne!(permanent(&again), permanent(first));
    again
}

#[test]
fn an_agent_whose_answer_was_lost_gets_another_token_and_the_lost_one_ends() {
    for multi_use in [false, true] {
        let scratch = Scratch::new();
        let token = put_token(&scratch, multi_use);
        let enrol = register(&token, "E");
        let first = admit(&scratch.store, &enrol, 1).unwrap();
        let second = check_again(&scratch, &enrol, 2, &first);
        let third = check_again(&scratch, &enrol, 99, &second);
        for lost in [&first, &second] {
            let lost = register(&permanent(lost), "E");
            check_refused(&scratch, &lost, 99, Refusal::TokenUnknown);
        }
        let tokens = registration_tokens::list(&scratch.store, 99).unwrap();
        assert_eq!(tokens[0].uses, 1);
        assert_eq!(agents::list(&scratch.store).unwrap().len(), 1);
        let back = admit(&scratch.store, &register(&permanent(&third), "E"), 99).unwrap();
        assert!(back.enrolled.is_none());
    }
}

#[test]
fn the_registration_token_is_nothing_any_more_once_the_permanent_one_was_shown() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let first = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    admit(&scratch.store, &register(&permanent(&first), "E"), 2).unwrap();
    check_refused(&scratch, &register(&token, "E"), 3, Refusal::TokenUsedUp);
    let stored = &agents::list(&scratch.store).unwrap()[0].0;
    assert_eq!(stored.unanswered, None);
}

#[test]
fn the_registration_token_is_nothing_any_more_once_the_agent_spoke() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, true);
    let first = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    let second = check_again(&scratch, &register(&token, "E"), 2, &first);
    // What the lost connection said late shows nothing about the token that was given after it.
    answered(&scratch.store, &first.agent.token_hash).unwrap();
    let third = check_again(&scratch, &register(&token, "E"), 3, &second);
    answered(&scratch.store, &third.agent.token_hash).unwrap();
    check_refused(&scratch, &register(&token, "E"), 4, Refusal::EngineTaken);
    let back = register(&permanent(&third), "E");
    assert!(admit(&scratch.store, &back, 5).is_ok());
}

#[test]
fn only_the_same_token_from_the_same_engine_within_its_life_comes_again() {
    let scratch = Scratch::new();
    let token = put_token(&scratch, false);
    let first = admit(&scratch.store, &register(&token, "E"), 1).unwrap();
    check_refused(&scratch, &register(&token, "F"), 2, Refusal::TokenUsedUp);
    let other = put_token(&scratch, true);
    check_refused(&scratch, &register(&other, "E"), 2, Refusal::EngineTaken);
    check_refused(&scratch, &register(&token, "E"), 100, Refusal::TokenExpired);
    check_again(&scratch, &register(&token, "E"), 99, &first);
    hosts::remove(&scratch.store, &first.host.id).unwrap();
    check_refused(&scratch, &register(&token, "E"), 99, Refusal::TokenUsedUp);
}
