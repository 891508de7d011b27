//! For tests: this server in this process on a port of its own, and a client that speaks raw HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;
use futures_rustls::TlsAcceptor;
use smol::net::TcpListener;
use tempfile::TempDir;

use crate::agents::{Agents, Times};
use crate::api::dispatch;
use crate::app::App;
use crate::auth::passwords;
use crate::auth::secret::Secret;
use crate::executor::Runtime;
use crate::http::admission::{Admission, Limits};
use crate::http::listener::{self, Answer, Deadlines, Service};
use crate::peer::until;
use crate::shutdown::{self, Trigger};
use crate::store::Store;
use crate::store::users::{self, UserRecord};
use crate::telemetry::history::tier::Retention;
use crate::telemetry::history::{History, keeping};
use crate::telemetry::keeper;

/// The password of the user `admin`.
pub(crate) const PASSWORD: &str = "correct horse";

/// How long a test waits for what must come; nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) trigger: Trigger,
    runtime: Runtime,
    directory: TempDir,
}

/// What a test may set.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) deadlines: Deadlines,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
    /// Answers in the place of the API.
    pub(crate) answer: Option<fn(Arc<App>) -> Answer>,
    /// What an earlier server left.
    pub(crate) directory: Option<TempDir>,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A log-in: what its requests must carry.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) csrf_token: String,
}

impl Rig {
    pub(crate) fn start() -> Rig {
        Rig::start_with(Setup::default())
    }

    pub(crate) fn start_with(setup: Setup) -> Rig {
        let directory = setup
            .directory
            .unwrap_or_else(|| tempfile::tempdir().unwrap());
        let store = Store::open(directory.path()).unwrap();
        let password_phc = passwords::hash(&Secret::from(PASSWORD.to_owned())).unwrap();
        let user = UserRecord {
            password_phc,
            created_unix_ms: 0,
        };
        users::put(&store, "admin", &user).unwrap();
        let runtime = Runtime::start().unwrap();
        let (trigger, shutdown) = shutdown::pair();
        let history = History::open(directory.path(), Retention::default()).unwrap();
        let mut app = App::new(store, history, runtime.executor(), shutdown.clone());
        app.agents = Agents::new(setup.times);
        let app = Arc::new(app);
        keeper::start(&app).unwrap();
        keeping::start(&app);
        let (open, _) = listener::open_connections();
        let service = Service {
            executor: runtime.executor(),
            shutdown,
            admission: Admission::new(setup.limits),
            deadlines: setup.deadlines,
            tls: setup.tls,
            answer: match setup.answer {
                Some(answer) => answer(Arc::clone(&app)),
                None => dispatch::answer(Arc::clone(&app)).unwrap(),
            },
            open,
        };
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from(Async::new(listener).unwrap());
        runtime
            .executor()
            .spawn(listener::accept(listener, service));
        Rig {
            address,
            app,
            trigger,
            runtime,
            directory,
        }
    }

    /// Stops the server; gives what it leaves, for the next.
    pub(crate) fn stop(self) -> TempDir {
        self.end(true)
    }

    /// Ends the server without a last word to its store or history.
    pub(crate) fn crash(self) -> TempDir {
        self.end(false)
    }

    fn end(self, is_orderly: bool) -> TempDir {
        let Rig {
            app,
            trigger,
            runtime,
            directory,
            ..
        } = self;
        if is_orderly {
            trigger.fire();
        }
        drop(runtime);
        drop(trigger);
        if is_orderly {
            smol::block_on(keeper::finish(&app));
            smol::block_on(keeping::finish(&app));
        }
        let (store, history) = (Arc::clone(&app.store), Arc::clone(&app.history));
        drop(app);
        // Work on the pool for blocking work ends by itself.
        until("the store is let go", || {
            Arc::strong_count(&store) == 1 && Arc::strong_count(&history) == 1
        });
        directory
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends one request on a connection of its own; `headers` are lines without their ends.
    #[track_caller]
    pub(crate) fn ask(&self, line: &str, headers: &[&str], body: &str) -> Reply {
        let mut stream = self.connect();
        ask_on(&mut stream, line, headers, body)
    }

    #[track_caller]
    pub(crate) fn log_in(&self) -> Session {
        let reply = self.try_log_in("admin", PASSWORD);
        assert_eq!(reply.status, 200, "{reply:?}");
        let cookie = reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let csrf_token = reply.json()["csrf_token"].as_str().unwrap().to_owned();
        Session { cookie, csrf_token }
    }

    #[track_caller]
    pub(crate) fn try_log_in(&self, name: &str, password: &str) -> Reply {
        let body = serde_json::json!({"username": name, "password": password}).to_string();
        self.ask("POST /api/v1/session", &[], &body)
    }

    /// As [`Rig::ask`], with all that a session's request must carry.
    #[track_caller]
    pub(crate) fn ask_as(&self, session: &Session, line: &str, body: &str) -> Reply {
        let cookie = format!("Cookie: {}", session.cookie);
        let csrf_token = format!("X-CSRF-Token: {}", session.csrf_token);
        self.ask(line, &[&cookie, &csrf_token], body)
    }
}

/// Sends one request, the connection's last, and reads the answer to its end.
#[track_caller]
pub(crate) fn ask_on(
    stream: &mut (impl Read + Write),
    line: &str,
    headers: &[&str],
    body: &str,
) -> Reply {
    let mut request = format!("{line} HTTP/1.1\r\nHost: pilotfish.test\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    Reply::read(&bytes)
}

impl Reply {
    #[track_caller]
    pub(crate) fn read(bytes: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        headers
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks that this is a problem of the given kind.
    #[track_caller]
    pub(crate) fn check_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let told = self.json();
        assert_eq!(
            (told["kind"].as_str(), told["status"].as_u64()),
            (Some(kind), Some(status.into()))
        );
    }
}
