//! Which URLs are asked for through a proxy, and the tunnel for `https`.
//!
//! The variables are those that curl and wget know: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case before upper case; except that
//! `HTTP_PROXY` is not read, because web servers set it from a header of whoever asks.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::TcpStream;
use percent_encoding::percent_decode_str;
use url::Url;

use super::authority;
use crate::exit::Exit;
use crate::failure::{Failure, Setback};

/// The longest answer of a proxy to `CONNECT`.
const LONGEST: usize = 16 * 1024;

/// Proxies by scheme, and the hosts that need none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    none: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) url: Url,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<String>,
}

impl Proxies {
    /// What the environment says.
    ///
    /// # Errors
    /// Which variable is wrong, and how.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| {
            let upper = name.to_ascii_uppercase();
            variable(name).or_else(|| variable(&upper).filter(|_| name != "http_proxy")).filter(|value| !value.is_empty())
        };
        let all = get("all_proxy");
        let proxy = |name: &str| {
            get(name).or_else(|| all.clone()).map(|text| Proxy::parse(&text).map_err(|why| format!("{name}: {why}"))).transpose()
        };
        let none = get("no_proxy").unwrap_or_default();
        let none = none.split(',').map(|host| host.trim().trim_start_matches('.').to_ascii_lowercase()).filter(|host| !host.is_empty());
        Ok(Self { http: proxy("http_proxy")?, https: proxy("https_proxy")?, none: none.collect() })
    }

    /// One proxy for everything.
    ///
    /// # Errors
    /// Why it is none.
    pub fn everything_through(text: &str) -> Result<Self, String> {
        let proxy = Proxy::parse(text)?;
        Ok(Self { http: Some(proxy.clone()), https: Some(proxy), none: Vec::new() })
    }

    pub(crate) fn of(&self, url: &Url) -> Option<&Proxy> {
        if self.none.iter().any(|rule| is_spared(url, rule)) {
            return None;
        }
        if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }
}

/// Whether a rule of `no_proxy` is about the URL's host: all, a name and those below it, an address, or a block of them (`10.0.0.0/8`); perhaps only at one port.
fn is_spared(url: &Url, rule: &str) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let (rule, port) = match rule.rsplit_once(':') {
        // An IPv6 address has colons of its own, unless it is in brackets.
        Some((rule, port)) if !rule.contains(':') || rule.ends_with(']') => (rule, port.parse().ok()),
        _ => (rule, None),
    };
    if port.is_some_and(|port: u16| url.port_or_known_default() != Some(port)) {
        return false;
    }
    let rule = rule.trim_matches(['[', ']']);
    if let Ok(address) = host.parse::<IpAddr>() {
        return rule == "*" || is_within(address, rule);
    }
    rule == "*" || host == rule || host.strip_suffix(rule).is_some_and(|rest| rest.ends_with('.'))
}

fn is_within(address: IpAddr, block: &str) -> bool {
    let (network, bits) = block.split_once('/').map_or((block, None), |(network, bits)| (network, Some(bits)));
    let bits: Option<u32> = match bits.map(str::parse).transpose() {
        Ok(bits) => bits,
        Err(_) => return false,
    };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) => {
            let shift = 32 - bits.unwrap_or(32).min(32);
            address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) => {
            let shift = 128 - bits.unwrap_or(128).min(128);
            address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, String> {
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&full).map_err(|error| format!("not the URL of a proxy: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("{} proxies are not supported, only http", url.scheme()));
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login =
            (!url.username().is_empty()).then(|| format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default())));
        let authorization = login.map(|login| format!("Basic {}", STANDARD.encode(login)));
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err("not the URL of a proxy".to_owned());
        }
        Ok(Self { url, authorization })
    }
}

/// Asks the proxy for a connection to the URL's host.
pub(super) async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, url: &Url) -> Result<(), Setback> {
    let target = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
    let login = proxy.authorization.as_ref().map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let through = authority(&proxy.url);
    let broke =
        |error: std::io::Error| Setback::passing(Failure::new(Exit::Network, format!("the proxy {through} broke the connection: {error}")));
    stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n").as_bytes()).await.map_err(broke)?;
    let mut answer = Vec::new();
    let foreign = || Setback::fatal(Failure::new(Exit::Network, format!("the proxy {through} does not speak HTTP")));
    // Byte by byte, because what follows the answer belongs to the host.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > LONGEST {
            return Err(foreign());
        }
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(_) if !answer.is_empty() && !answer.starts_with(b"HTTP/") => return Err(foreign()),
            Err(error) => return Err(broke(error)),
        }
    }
    let status: u16 = std::str::from_utf8(&answer).ok().and_then(|text| text.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    match status {
        200..=299 => Ok(()),
        407 => {
            let failure = Failure::new(Exit::Denied, format!("the proxy {through} wants a login"));
            Err(Setback::fatal(failure.help("give it as http://USER:PASSWORD@HOST:PORT in --proxy or the environment")))
        }
        0 => Err(foreign()),
        500..=599 => {
            Err(Setback::passing(Failure::new(Exit::Network, format!("the proxy {through} could not reach {target}: status {status}"))))
        }
        _ => {
            Err(Setback::fatal(Failure::new(Exit::Refused, format!("the proxy {through} refused to connect to {target}: status {status}"))))
        }
    }
}

#[cfg(test)]
mod tests {
    //! Which URL goes where.

    use url::Url;

    use super::Proxies;

    fn via(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let proxies = Proxies::from_environment(get).unwrap();
        proxies.of(&Url::parse(url).unwrap()).map(|proxy| format!("{} {}", proxy.url, proxy.authorization.as_deref().unwrap_or("-")))
    }

    #[test]
    fn the_environment() {
        let one = [("http_proxy", "proxy:3128"), ("HTTPS_PROXY", "http://me:p%40ss@secure:1"), ("no_proxy", "local, .inside.example")];
        assert_eq!(via(&one, "http://h/x").as_deref(), Some("http://proxy:3128/ -"));
        assert_eq!(via(&one, "https://h/x").as_deref(), Some("http://secure:1/ Basic bWU6cEBzcw=="));
        assert_eq!(via(&one, "http://local/"), None);
        assert_eq!(via(&one, "http://a.inside.example/"), None);
        assert!(via(&one, "http://notinside.example/").is_some());
        assert_eq!(via(&[("HTTP_PROXY", "evil:1")], "http://h/"), None);
        assert_eq!(via(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "*")], "http://h/"), None);
        assert!(Proxies::everything_through("socks5://h:1").unwrap_err().contains("socks5"));
    }

    #[test]
    fn hosts_that_need_none() {
        let spared = |rules: &str, url: &str| via(&[("http_proxy", "p:1"), ("no_proxy", rules)], url).is_none();
        for (rules, url) in [
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("0.0.0.0/0", "http://192.168.1.1/"),
            ("::1", "http://[::1]:8080/"),
            ("[::1]", "http://[::1]/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("fe80::/10", "http://[fe80::7]/"),
            ("h.example:8080", "http://h.example:8080/"),
            ("h.example:80", "http://h.example/"),
            ("127.0.0.1:80", "http://127.0.0.1/"),
        ] {
            assert!(spared(rules, url), "{rules} {url}");
        }
        for (rules, url) in [
            ("10.0.0.0/8", "http://11.1.2.3/"),
            ("10.0.0.0/x", "http://10.1.2.3/"),
            ("1.1", "http://10.0.1.1/"),
            ("::1", "http://[::2]/"),
            ("h.example:8080", "http://h.example/"),
            ("::/0", "http://10.0.0.1/"),
        ] {
            assert!(!spared(rules, url), "{rules} {url}");
        }
    }
}
