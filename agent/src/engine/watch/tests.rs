//! The watch as scripts of what happens and when.

use super::*;

/// A watch with a clock that only moves when told to.
struct Script {
    watch: Watch,
    start: Instant,
    now: Instant,
}

impl Script {
    /// A watch whose first question is already taken.
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do; it only moves by the script"
    )]
    fn new() -> Self {
        let start = Instant::now();
        let mut script = Self {
            watch: Watch::new(),
            start,
            now: start,
        };
        script.expect(&[Output::Negotiate]);
        script
    }

    fn up() -> Self {
        let mut script = Self::new();
        script.tell(Input::Answered);
        script.expect(&[Output::ReportUp, Output::OpenEvents]);
        script
    }

    fn down() -> Self {
        let mut script = Self::new();
        script.tell(failed("gone"));
        script.expect(&[report_down("gone")]);
        script
    }

    fn tell(&mut self, input: Input) {
        self.watch.handle(input, self.now);
    }

    #[track_caller]
    fn expect(&mut self, expected: &[Output]) {
        let outputs: Vec<_> = std::iter::from_fn(|| self.watch.poll_output()).collect();
        assert_eq!(outputs, expected);
    }

    fn wait(&mut self, wait: Duration) {
        self.now += wait;
    }

    /// Moves to the deadline and says that it came; returns how long that took.
    #[track_caller]
    fn timeout(&mut self) -> Duration {
        let deadline = self.watch.deadline().expect("a deadline");
        let waited = deadline.saturating_duration_since(self.now);
        self.now = self.now.max(deadline);
        self.tell(Input::Timeout);
        waited
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

fn failed(why: &str) -> Input {
    Input::Failed {
        why: why.to_owned(),
    }
}

fn report_down(why: &str) -> Output {
    Output::ReportDown {
        why: why.to_owned(),
    }
}

const PING_DEADLINE: Duration = Duration::from_secs(5);

#[test]
fn an_engine_that_answers_is_up_and_its_events_are_opened() {
    Script::up().expect(&[]);
}

#[test]
fn an_engine_that_is_down_at_start_is_reported_once_and_asked_ever_more_rarely() {
    let mut script = Script::down();
    let mut waits = Vec::new();
    for _ in 0..7 {
        waits.push(script.timeout().as_secs());
        script.expect(&[Output::Negotiate]);
        assert_eq!(script.watch.deadline(), None, "an answer is awaited");
        script.tell(failed("still gone"));
        script.expect(&[]);
    }
    assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10]);
    script.timeout();
    script.expect(&[Output::Negotiate]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn a_hung_engine_is_noticed_within_25_seconds_and_reported_once() {
    let mut script = Script::up();
    // It is stopped right after it was heard.
    script.wait(Duration::from_secs(100));
    script.tell(Input::CallAnswered);
    let hung_at = script.elapsed();
    script.timeout();
    script.expect(&[Output::Ping]);
    script.wait(PING_DEADLINE);
    script.tell(failed("no answer"));
    script.expect(&[Output::CloseEvents, report_down("no answer")]);
    assert!(script.elapsed() - hung_at <= Duration::from_secs(25));
    for _ in 0..5 {
        script.timeout();
        script.expect(&[Output::Negotiate]);
        script.wait(PING_DEADLINE);
        script.tell(failed("no answer"));
        script.expect(&[]);
    }
    script.timeout();
    script.expect(&[Output::Negotiate]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn other_calls_that_are_answered_save_the_question() {
    let mut script = Script::up();
    for _ in 0..10 {
        script.wait(Duration::from_secs(10));
        script.tell(Input::CallAnswered);
        script.tell(Input::Timeout);
        script.expect(&[]);
    }
    assert_eq!(script.timeout(), ASK_EVERY);
    script.expect(&[Output::Ping]);
}

#[test]
fn a_call_that_failed_asks_at_once_and_only_once() {
    let mut script = Script::up();
    script.tell(Input::CallFailed);
    script.expect(&[Output::Ping]);
    script.tell(Input::CallFailed);
    script.tell(Input::Timeout);
    script.expect(&[]);
    script.tell(Input::Answered);
    script.expect(&[]);
}

#[test]
fn an_engine_that_is_restarted_at_once_may_be_another_one_and_is_reported_up_again() {
    let mut script = Script::up();
    script.wait(Duration::from_secs(60));
    script.tell(Input::EventsEnded);
    script.expect(&[Output::Negotiate]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn an_engine_that_is_stopped_is_reported_and_its_events_are_not_closed_twice() {
    let mut script = Script::up();
    script.tell(Input::EventsEnded);
    script.expect(&[Output::Negotiate]);
    script.tell(failed("refused"));
    script.expect(&[report_down("refused")]);
}

#[test]
fn events_that_are_refused_are_asked_for_ever_more_rarely_and_the_engine_is_not_reported_again() {
    let mut script = Script::up();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let opened_at = script.now;
        script.tell(Input::EventsEnded);
        script.expect(&[Output::Negotiate]);
        script.tell(Input::Answered);
        script.expect(&[]);
        while script.now < opened_at + REOPEN_MOST {
            script.timeout();
            // A ping, or the question before the opening.
            assert!(script.watch.poll_output().is_some());
            script.tell(Input::Answered);
            if script.watch.poll_output() == Some(Output::OpenEvents) {
                break;
            }
        }
        waits.push((script.now - opened_at).as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    script.wait(REOPEN_MOST);
    script.tell(Input::EventsEnded);
    script.expect(&[Output::Negotiate]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn events_that_end_while_the_engine_is_asked_are_opened_by_that_answer() {
    let mut script = Script::up();
    script.wait(ASK_EVERY);
    script.tell(Input::Timeout);
    script.expect(&[Output::Ping]);
    script.tell(Input::EventsEnded);
    script.expect(&[]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn a_call_that_is_answered_while_the_engine_counts_as_down_brings_the_question_forward() {
    let mut script = Script::down();
    script.tell(Input::CallAnswered);
    script.expect(&[Output::Negotiate]);
    script.tell(Input::CallAnswered);
    script.expect(&[]);
    script.tell(Input::Answered);
    script.expect(&[Output::ReportUp, Output::OpenEvents]);
}

#[test]
fn stale_news_change_nothing() {
    let mut script = Script::down();
    script.tell(Input::EventsEnded);
    script.tell(Input::CallFailed);
    script.tell(Input::Timeout);
    script.expect(&[]);
    let mut script = Script::new();
    for input in [
        Input::EventsEnded,
        Input::CallFailed,
        Input::CallAnswered,
        Input::Timeout,
    ] {
        script.tell(input);
    }
    script.expect(&[]);
}
