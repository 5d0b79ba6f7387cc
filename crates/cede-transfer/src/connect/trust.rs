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
pub(super) struct Trust {
    cacert: Option<PathBuf>,
    http2: bool,
    config: OnceLock<Result<Arc<ClientConfig>, Failure>>,
}

impl Trust {
    pub(super) fn new(cacert: Option<PathBuf>, http2: bool) -> Self {
        Self { cacert, http2, config: OnceLock::new() }
    }

    pub(super) async fn config(self: &Arc<Self>) -> Result<Arc<ClientConfig>, Failure> {
        if let Some(known) = self.config.get() {
            return known.clone();
        }
        let trust = Arc::clone(self);
        let read = move || trust.config.get_or_init(|| client_config(trust.cacert.as_deref(), trust.http2)).clone();
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
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    // Without a cause in TLS it was the network that failed.
    let exit = if cause.is_some() { Exit::Tls } else { Exit::Network };
    let failure = Failure::new(exit, format!("no secure connection to {host}: {error}"));
    let failure = match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            failure.help("nobody that this system trusts has signed the certificate; --cacert FILE trusts one of your own")
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            failure.help("the certificate has expired; check the clock of this machine")
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
            failure.help("the certificate is for another host")
        }
        Some(rustls::Error::InvalidMessage(_)) => failure.help("the server does not seem to speak TLS on this port; is it an http URL?"),
        _ => failure,
    };
    // What TLS refuses once it refuses again.
    if cause.is_some() { Setback::fatal(failure) } else { Setback::passing(failure) }
}
