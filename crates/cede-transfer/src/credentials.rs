//! Who the user is to which host: `--user`, `--bearer`, headers, and the netrc file.
//!
//! What the user gave on the command line is for the host that the user named. A redirect elsewhere gets none of it, except from the netrc file, which says itself
//! whom each login is for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use url::Url;

/// What is sent along.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Headers for every request; those that identify the user go to the first origin only.
    pub headers: HeaderMap,
    /// The content of a netrc file.
    pub netrc: Vec<Login>,
}

/// An entry of a netrc file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// For whom; `None` is for everybody else.
    pub machine: Option<String>,
    /// User name.
    pub login: String,
    /// Password.
    pub password: String,
}

impl Credentials {
    /// `Authorization: Basic`.
    pub fn basic(&mut self, user: &str, password: &str) {
        self.authorization(&basic(user, password));
    }

    /// `Authorization: Bearer`.
    pub fn bearer(&mut self, token: &str) {
        self.authorization(&format!("Bearer {token}"));
    }

    fn authorization(&mut self, value: &str) {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
    }

    /// The headers for one request of a chain that began at `first`.
    pub(crate) fn of(&self, first: &Url, url: &Url) -> HeaderMap {
        if self.headers.is_empty() && self.netrc.is_empty() {
            return HeaderMap::new();
        }
        let same = first.origin() == url.origin();
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if same || !is_private(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        if !headers.contains_key(AUTHORIZATION)
            && let Some(login) = self.login(url)
            && let Ok(value) = HeaderValue::from_str(&basic(&login.login, &login.password))
        {
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }

    fn login(&self, url: &Url) -> Option<&Login> {
        let host = url.host_str()?;
        let named = self.netrc.iter().find(|entry| entry.machine.as_deref() == Some(host));
        named.or_else(|| self.netrc.iter().find(|entry| entry.machine.is_none()))
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn is_private(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || *name == COOKIE || *name == PROXY_AUTHORIZATION
}

/// Reads a netrc file: words, in any layout; macros are skipped.
pub fn parse_netrc(text: &str) -> Vec<Login> {
    let without_macros = text.split("\n\n").map(|part| part.split_once("macdef").map_or(part, |(before, _)| before));
    let words: Vec<String> = without_macros
        .flat_map(|part| part.lines())
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect();
    let mut logins: Vec<Login> = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match (word.as_str(), logins.last_mut()) {
            ("machine", _) => logins.push(Login { machine: words.next(), ..Login::default() }),
            ("default", _) => logins.push(Login::default()),
            ("login", Some(entry)) => entry.login = words.next().unwrap_or_default(),
            ("password", Some(entry)) => entry.password = words.next().unwrap_or_default(),
            ("account", _) => drop(words.next()),
            _ => {}
        }
    }
    logins
}

#[cfg(test)]
mod tests {
    //! Whom a secret reaches.

    use hyper::header::{AUTHORIZATION, COOKIE, HeaderValue};
    use url::Url;

    use super::{Credentials, parse_netrc};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        let mut credentials = Credentials::default();
        credentials.basic("me", "secret");
        credentials.headers.insert(COOKIE, HeaderValue::from_static("a=b"));
        credentials.headers.insert("x-other", HeaderValue::from_static("1"));
        let first = url("https://a.example/x");
        assert_eq!(credentials.of(&first, &first).len(), 3);
        for elsewhere in ["https://b.example/x", "http://a.example/x", "https://a.example:444/x"] {
            let headers = credentials.of(&first, &url(elsewhere));
            assert!(
                !headers.contains_key(AUTHORIZATION) && !headers.contains_key(COOKIE) && headers.contains_key("x-other"),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn netrc_says_for_whom() {
        let text = "# mine\nmachine a.example login me password one\nmacdef x\nmachine no login no password no\n\nmachine b.example\n  login you account z password two";
        let credentials = Credentials { netrc: parse_netrc(text), ..Credentials::default() };
        let sent = |to: &str| {
            credentials.of(&url("http://c.example/"), &url(to)).get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(sent("http://a.example/").as_deref(), Some("Basic bWU6b25l"));
        assert_eq!(sent("http://b.example/").as_deref(), Some("Basic eW91OnR3bw=="));
        assert_eq!((sent("http://no/"), sent("http://c.example/")), (None, None));
    }
}
