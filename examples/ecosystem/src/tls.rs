//! A certificate of our own, and a listener that accepts TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate for `localhost`, signed by itself, and its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a valid name");
        Self { certificate: made.cert.der().clone(), key: PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()) }
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub fn server(&self) -> ServerConfig {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        let builder = ServerConfig::builder().with_no_client_auth();
        builder.with_single_cert(vec![self.certificate.clone()], key).expect("the key is the certificate's")
    }

    /// Trusts this certificate and no other.
    pub fn client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
    }

    pub fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::new(self.client()))
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

/// What `axum::serve` accepts connections from.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    pub fn new(listener: TcpListener, identity: &Identity) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(identity.server())) }
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = axum::serve::Listener::accept(&mut self.listener).await;
            // Who fails the handshake is gone.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.address()
    }
}
