//! Which certificates are believed.
//!
//! The system's own store, because that is where administrators put their companies' roots and take bad ones away (`SSL_CERT_FILE` and `SSL_CERT_DIR` are
//! honoured). Where the system has none, as in small containers, the roots that Mozilla publishes. With `--cacert`, only that file. Nothing turns checking off.
//!
//! The store is read once, on the blocking pool, when the first `https` URL needs it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

use super::authority;
use crate::exit::Exit;
use crate::failure::{Failure, Setback, printable};

/// The trusted roots, read on demand.
#[derive(Debug)]
pub(super) struct Roots {
    cacert: Option<PathBuf>,
    http2: bool,
    config: OnceLock<Result<Arc<ClientConfig>, Failure>>,
}

impl Roots {
    pub(super) fn new(cacert: Option<PathBuf>, http2: bool) -> Self {
        Self { cacert, http2, config: OnceLock::new() }
    }

    pub(super) async fn config(self: &Arc<Self>) -> Result<Arc<ClientConfig>, Failure> {
        if let Some(known) = self.config.get() {
            return known.clone();
        }
        let roots = Arc::clone(self);
        let read = move || roots.config.get_or_init(|| client_config(roots.cacert.as_deref(), roots.http2)).clone();
        cede::task::spawn_blocking(read).await.expect("reading certificates does not panic")
    }
}

fn client_config(cacert: Option<&Path>, http2: bool) -> Result<Arc<ClientConfig>, Failure> {
    let roots = match cacert {
        Some(path) => roots_in(path)?,
        None => system_roots(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Exit::Tls, format!("TLS cannot be set up: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Arc::new(config))
}

fn roots_in(path: &Path) -> Result<RootCertStore, Failure> {
    let shown = printable(&path.to_string_lossy());
    let bad = |why: String| Failure::new(Exit::Tls, format!("--cacert {shown}: {why}")).help("the file must hold certificates in PEM form");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("it holds no certificate".to_owned())) } else { Ok(roots) }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A store may hold a few broken certificates; they are left out, as other programs do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Why a handshake failed, and what can be done.
pub(super) fn handshake_failure(url: &Url, error: &io::Error) -> Setback {
    let host = authority(url);
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        // Without a cause in TLS it was the network that failed.
        return Setback::passing(Failure::new(Exit::Network, format!("no secure connection to {host}: {error}")));
    };
    let (why, help) = explained(url, cause);
    let why = why.unwrap_or_else(|| printable(&cause.to_string()));
    let failure = Failure::new(Exit::Tls, format!("no secure connection to {host}: {why}"));
    // What TLS refuses once it refuses again.
    Setback::fatal(match help {
        Some(help) => failure.help(help),
        None => failure,
    })
}

/// Whether the server refuses this client, as it may do after the handshake.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    use rustls::{AlertDescription as Alert, Error};
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(cause, Some(Error::AlertReceived(Alert::CertificateRequired | Alert::BadCertificate | Alert::AccessDenied | Alert::UnknownCA)))
}

/// What happened, where the library's words say too little, and what can be done about it.
fn explained(url: &Url, cause: &rustls::Error) -> (Option<String>, Option<String>) {
    use rustls::{AlertDescription, Error, PeerIncompatible};
    let help = |text: &str| Some(text.to_owned());
    match cause {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            (None, help("nobody that this system trusts has signed the certificate; --cacert FILE trusts one of your own"))
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            (None, help("the certificate has expired; check the clock of this machine"))
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            (None, help("the certificate is not valid yet; check the clock of this machine"))
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            (None, help("the certificate is for another host; check the URL"))
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => (
            help("the server speaks only TLS 1.1 or older, or SSL; TLS 1.2 and 1.3 are spoken here"),
            help("older versions protect nothing; the server has to be updated"),
        ),
        Error::AlertReceived(AlertDescription::HandshakeFailure) | Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => (
            help("the server and this program have no cipher in common, or it refuses this client"),
            help("a server that knows only old ciphers has to be updated; one that wants a certificate of the client cannot be used"),
        ),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            let name = printable(url.host_str().unwrap_or_default());
            (Some(format!("the server knows no host {name} (it refused that name, SNI)")), help("check the host name in the URL"))
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            (help("the server wants a certificate of the client"), help("such servers cannot be used; ask for another way in"))
        }
        Error::InvalidMessage(_) => (None, help("the server does not seem to speak TLS on this port; is it an http URL?")),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    //! What is said about handshakes that fail.

    use rustls::{AlertDescription, Error, PeerIncompatible};
    use url::Url;

    use super::handshake_failure;
    use crate::exit::Exit;
    use crate::plan::Trouble;

    #[test]
    fn refusals_are_final_and_explained() {
        let url = Url::parse("https://host.example:8443/x").unwrap();
        for (error, text) in [
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "only TLS 1.1 or older"),
            (Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13), "only TLS 1.1 or older"),
            (Error::AlertReceived(AlertDescription::UnrecognisedName), "no host host.example"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "no cipher in common"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "a certificate of the client"),
        ] {
            let setback = handshake_failure(&url, &std::io::Error::other(error));
            let told = setback.failure.to_string();
            assert_eq!((setback.trouble, setback.failure.exit()), (Trouble::Fatal, Exit::Tls), "{told}");
            assert!(told.contains("host.example:8443") && told.contains(text) && told.contains("help: "), "{told}");
        }
    }

    #[test]
    fn a_connection_that_broke_may_work_later() {
        let url = Url::parse("https://host.example/x").unwrap();
        let setback = handshake_failure(&url, &std::io::ErrorKind::UnexpectedEof.into());
        assert_eq!((setback.trouble, setback.failure.exit()), (Trouble::Passing, Exit::Network));
    }
}
