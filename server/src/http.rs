//! HTTP/1.1 for everyone: listening, TLS, limits, requests and answers; it knows no route.

pub mod admission;
pub mod connection;
pub mod listener;
pub mod network;
pub mod origin;
pub mod page;
pub mod problem;
pub mod request;
pub mod response;
pub mod router;
pub mod tls;
pub mod websocket;

#[cfg(test)]
mod tests;
