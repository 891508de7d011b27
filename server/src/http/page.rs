//! The page's files, which the program carries: every file under server/web.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use crate::http::response::{self, Response};

/// Every file of the page, in the order of their paths.
static FILES: &[PageFile] = &include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// One file of the page.
#[derive(Debug)]
pub struct PageFile {
    /// Its path in a request, with the leading slash.
    path: &'static str,
    /// Its entity tag (RFC 9110 §8.8.3), with the quotes.
    etag: &'static str,
    bytes: &'static [u8],
}

/// Finds the file a path asks for; `/` is `/index.html`.
pub fn find(path: &str) -> Option<&'static PageFile> {
    let path = if path == "/" { "/index.html" } else { path };
    FILES.iter().find(|file| file.path == path)
}

impl PageFile {
    /// Makes the answer: the file, or 304 when `if_none_match` holds its tag.
    pub fn response(&self, if_none_match: Option<&str>) -> Response {
        let is_known = if_none_match.is_some_and(|tags| {
            let mut tags = tags
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"));
            tags.any(|tag| tag == self.etag || tag == "*")
        });
        let mut response = if is_known {
            response::empty(StatusCode::NOT_MODIFIED)
        } else {
            response::with_body(StatusCode::OK, content_type(self.path), self.bytes)
        };
        let headers = response.headers_mut();
        // A browser asks again each time: a new server's page must not run with old files.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, HeaderValue::from_static(self.etag));
        response
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_known_type_and_its_own_path() {
        assert!(find("/").is_some_and(|index| index.path == "/index.html"));
        for file in FILES {
            assert_ne!(
                content_type(file.path),
                "application/octet-stream",
                "{}",
                file.path
            );
            assert!(find(file.path).is_some_and(|found| found.path == file.path));
        }
    }

    #[test]
    fn a_browser_that_has_the_file_is_told_so() {
        let file = PageFile {
            path: "/app.js",
            etag: "\"0a\"",
            bytes: b"x",
        };
        for (tags, status) in [
            (None, 200),
            (Some("\"0a\""), 304),
            (Some("\"0b\", W/\"0a\""), 304),
            (Some("\"0b\""), 200),
            (Some("0a"), 200),
            (Some("*"), 304),
        ] {
            let response = file.response(tags);
            assert_eq!(response.status(), status, "{tags:?}");
            assert_eq!(response.headers()["etag"], "\"0a\"");
            assert_eq!(response.headers()["cache-control"], "no-cache");
        }
    }

    #[test]
    fn a_path_that_is_no_file_is_not_found() {
        for path in [
            "",
            "/index",
            "/../Cargo.toml",
            "//index.html",
            "/index.html/",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
