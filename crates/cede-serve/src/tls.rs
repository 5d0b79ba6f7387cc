//! Certificates.

use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// A certificate that nobody has signed but itself, made for one run.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// For [`Settings::tls`](crate::Settings::tls).
    pub config: Arc<ServerConfig>,
    /// What clients have to trust, in PEM.
    pub pem: String,
    /// Its SHA-256, in hexadecimal.
    pub fingerprint: String,
}

/// Reads a chain of certificates and its key, both in PEM.
///
/// # Errors
/// A file that cannot be read, or does not hold what it should.
pub fn from_files(chain: &Path, key: &Path, http2: bool) -> io::Result<Arc<ServerConfig>> {
    let bad = |path: &Path, error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let chain_pem = std::fs::read(chain).map_err(|error| bad(chain, &error))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<_, _>>().map_err(|error| bad(chain, &error))?;
    if certificates.is_empty() {
        return Err(bad(chain, &"there is no certificate in it"));
    }
    let key_pem = std::fs::read(key).map_err(|error| bad(key, &error))?;
    let secret = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| bad(key, &error))?;
    config(certificates, secret, http2)
}

/// Makes a certificate for these host names and addresses.
///
/// # Errors
/// A name that cannot be in a certificate.
pub fn self_signed(names: Vec<String>, http2: bool) -> io::Result<SelfSigned> {
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let certificate = made.cert.der().clone();
    let fingerprint = Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let pem = pem(&certificate);
    Ok(SelfSigned { config: config(vec![certificate], key.into(), http2)?, pem, fingerprint })
}

/// As RFC 7468 has it: lines of 64 characters.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let encoded = STANDARD.encode(certificate);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, http2: bool) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(io::Error::other)?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
