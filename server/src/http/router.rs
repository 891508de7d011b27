//! Pure: finds what a method and a path mean; knows 404 from 405.

use std::fmt;

use hyper::Method;

/// Routes by path pattern (matchit's: `/hosts/{host}`), then by method.
#[derive(Clone)]
pub struct Router<T> {
    paths: matchit::Router<Vec<(Method, T)>>,
}

/// What a request's path means.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'router, T> {
    /// A route, and the path's parameters as they stand in the path.
    Route(&'router T, Params),
    /// The path exists with other methods; the text is for `Allow`.
    OtherMethods(String),
    /// No such path.
    Nothing,
}

/// The parameters of a path, percent-decoding left to the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

/// Two routes that cannot be told apart.
#[derive(Debug, thiserror::Error)]
#[error("route {method} {pattern} conflicts with another")]
pub struct RouteConflict {
    method: Method,
    pattern: String,
}

impl<T> Router<T> {
    /// Builds a router from `(method, pattern, target)`; a `GET` route also serves `HEAD`.
    ///
    /// # Errors
    ///
    /// [`RouteConflict`] names the first route that repeats or shadows an earlier one.
    pub fn build(
        routes: impl IntoIterator<Item = (Method, &'static str, T)>,
    ) -> Result<Router<T>, RouteConflict> {
        let mut patterns: Vec<(&'static str, Vec<(Method, T)>)> = Vec::new();
        for (method, pattern, target) in routes {
            let conflict = |method| RouteConflict {
                method,
                pattern: pattern.to_owned(),
            };
            match patterns.iter_mut().find(|(known, _)| *known == pattern) {
                Some((_, methods)) if methods.iter().any(|(known, _)| *known == method) => {
                    return Err(conflict(method));
                }
                Some((_, methods)) => methods.push((method, target)),
                None => patterns.push((pattern, vec![(method, target)])),
            }
        }
        let mut paths = matchit::Router::new();
        for (pattern, methods) in patterns {
            let method = methods
                .first()
                .map_or(Method::GET, |(method, _)| method.clone());
            paths.insert(pattern, methods).map_err(|_| RouteConflict {
                method,
                pattern: pattern.to_owned(),
            })?;
        }
        Ok(Router { paths })
    }

    /// Finds the route of a request.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        match found.value.iter().find(|(known, _)| known == wanted) {
            Some((_, target)) => {
                let params = found.params.iter();
                let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
                Found::Route(target, Params(params.collect()))
            }
            None => Found::OtherMethods(allow(found.value)),
        }
    }
}

impl<T> fmt::Debug for Router<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl Params {
    /// Gives the parameter of this name, as it stands in the path.
    pub fn find(&self, name: &str) -> Option<&str> {
        let param = self.0.iter().find(|(known, _)| known == name);
        param.map(|(_, value)| value.as_str())
    }
}

fn allow<T>(methods: &[(Method, T)]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router<&'static str> {
        Router::build([
            (Method::GET, "/hosts", "list"),
            (Method::GET, "/hosts/{host}", "show"),
            (Method::DELETE, "/hosts/{host}", "remove"),
            (Method::POST, "/hosts/{host}/containers/{id}/start", "start"),
        ])
        .unwrap()
    }

    #[track_caller]
    fn check(method: Method, path: &str, target: &str, params: &[(&str, &str)]) {
        let router = router();
        let Found::Route(found, told) = router.find(&method, path) else {
            panic!("{method} {path} finds no route");
        };
        assert_eq!(*found, target);
        for (name, value) in params {
            assert_eq!(told.find(name), Some(*value));
        }
    }

    #[test]
    fn finds_a_route_by_method_and_path() {
        check(Method::GET, "/hosts", "list", &[]);
        check(Method::DELETE, "/hosts/h1", "remove", &[("host", "h1")]);
        check(
            Method::POST,
            "/hosts/h1/containers/c1/start",
            "start",
            &[("host", "h1"), ("id", "c1")],
        );
    }

    #[test]
    fn head_is_served_by_get() {
        check(Method::HEAD, "/hosts/h1", "show", &[("host", "h1")]);
    }

    #[test]
    fn another_method_is_told_what_is_allowed() {
        let found = router().find(&Method::PUT, "/hosts/h1").allow();
        assert_eq!(found, "DELETE, GET, HEAD");
        let found = router()
            .find(&Method::GET, "/hosts/h1/containers/c1/start")
            .allow();
        assert_eq!(found, "POST");
    }

    #[test]
    fn an_unknown_path_is_nothing() {
        for path in ["/", "/host", "/hosts/", "/hosts/h1/", "", "*"] {
            assert_eq!(router().find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn a_repeated_route_is_refused() {
        let twice = [(Method::GET, "/a", 1), (Method::GET, "/a", 2)];
        assert!(Router::build(twice).is_err());
        let shadow = [(Method::GET, "/{a}", 1), (Method::GET, "/{b}", 2)];
        assert!(Router::build(shadow).is_err());
    }

    impl<T: fmt::Debug> Found<'_, T> {
        #[track_caller]
        fn allow(self) -> String {
            match self {
                Found::OtherMethods(allow) => allow,
                Found::Route(..) | Found::Nothing => panic!("expected other methods"),
            }
        }
    }
}
