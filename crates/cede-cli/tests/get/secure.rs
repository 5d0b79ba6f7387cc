//! HTTPS: what is trusted, what is not, and what a redirect may not undo.

use std::io::{Read, Write};

use crate::run::{Place, Ran};
use crate::server::{Server, data, fixture};

#[test]
fn a_certificate_of_ones_own() {
    let (server, place) = (Server::https(), Place::new("https"));
    let ca = fixture("ca.pem");
    place.get(&["--cacert", &ca, &server.url("/data/300000/f")]).expect(0, &["saved f"]);
    assert!(place.read("f") == data(300_000));
}

#[test]
fn the_systems_store_is_the_default() {
    let (server, place) = (Server::https(), Place::new("https-store"));
    let url = server.url("/data/9/f");
    let ran = Ran::of(place.command(&["get", &url]).env("SSL_CERT_FILE", fixture("ca.pem")).output().unwrap());
    ran.expect(0, &["saved f"]);
}

#[test]
fn strangers_are_not_trusted() {
    let (server, place) = (Server::https(), Place::new("https-stranger"));
    place.get(&[&server.url("/data/9/f")]).expect(5, &["no secure connection to localhost", "--cacert"]);
    // The right authority, but for another name.
    let wrong = format!("https://127.0.0.1:{}/data/9/f", server.port());
    place.get(&["--cacert", &fixture("ca.pem"), &wrong]).expect(5, &["for another host"]);
    assert!(place.names().is_empty());
}

#[test]
fn bad_authority_files() {
    let (server, place) = (Server::https(), Place::new("https-bad-ca"));
    let url = server.url("/data/9/f");
    place.write("empty.pem", "");
    place.get(&["--cacert", "empty.pem", &url]).expect(5, &["it holds no certificate"]);
    place.get(&["--cacert", "missing.pem", &url]).expect(5, &["--cacert missing.pem: "]);
}

#[test]
fn a_handshake_that_never_comes() {
    // The kernel accepts the connection; nobody else does.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new("https-silent");
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    place.get(&["--connect-timeout", "0.3", &url]).expect(12, &["no connection to 127.0.0.1", "within 0.3 s"]);
}

#[test]
fn the_other_end_does_not_speak_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/x", listener.local_addr().unwrap());
    let greeter = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example.com ready\r\n").unwrap();
        drop(stream.read(&mut [0; 1024]));
    });
    Place::new("https-plain").get(&[&url]).expect(5, &["does not seem to speak TLS"]);
    greeter.join().unwrap();
}

#[test]
fn a_redirect_to_http_is_refused() {
    let (secure, plain, place) = (Server::https(), Server::http(), Place::new("https-downgrade"));
    let ca = fixture("ca.pem");
    let url = secure.url(&format!("/to/{}/data/9/f", plain.port()));
    place.get(&["--cacert", &ca, &url]).expect(15, &["from https to unprotected http", "--allow-downgrade"]);
    assert!(place.names().is_empty());
    place.get(&["--cacert", &ca, "--allow-downgrade", &url]).expect(0, &["saved f"]);
}

#[test]
fn an_end_without_farewell_is_not_an_end() {
    // Neither a length nor a proper end of TLS: anybody on the way could have cut it.
    let (server, place) = (Server::https(), Place::new("https-cut"));
    place
        .get(&["--cacert", &fixture("ca.pem"), &server.url("/until-close")])
        .expect(4, &["ended early, after 9 bytes", "until-close.part"]);
    assert_eq!(place.names(), ["until-close.part"]);
}

/// Reads what the client says first, and answers with these bytes. Returns whether the client came a second time.
fn one_answer(answer: Vec<u8>) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/x", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = vec![0; 4096];
        let count = stream.read(&mut hello).unwrap();
        stream.write_all(&answer).unwrap();
        drop(stream.read(&mut [0; 1024]));
        hello.truncate(count);
        hello
    });
    (url, server)
}

#[test]
fn a_server_that_speaks_only_old_versions() {
    // It either refuses what it is offered, or goes on in TLS 1.0 as if that had been offered.
    let alert = vec![0x15, 3, 1, 0, 2, 2, 70];
    let mut hello = vec![2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    let mut record = vec![0x16, 3, 1, 0, hello.len() as u8];
    record.extend(hello);
    for answer in [alert, record] {
        let (url, server) = one_answer(answer);
        // What is refused once is not asked again: nobody would answer.
        Place::new("https-old")
            .get(&["--retry", "3", &url])
            .expect(5, &["/x: no secure connection to localhost", "only TLS 1.1 or older", "help: "]);
        server.join().unwrap();
    }
}

#[test]
fn a_name_that_the_server_does_not_know() {
    let (url, server) = one_answer(vec![0x15, 3, 3, 0, 2, 2, 112]);
    Place::new("https-sni").get(&["--retry", "3", &url]).expect(5, &["the server knows no host localhost", "SNI"]);
    let hello = server.join().unwrap();
    assert!(hello.windows(9).any(|bytes| bytes == b"localhost"), "the name was not told");
}

#[test]
fn a_server_that_wants_a_certificate_of_the_client() {
    use rustls::server::WebPkiClientVerifier;
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(fixture("ca.pem")).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let (server, place) = (Server::https_for(Some(verifier)), Place::new("https-client"));
    // It says so only after the handshake.
    place
        .get(&["--retry", "3", "--cacert", &fixture("ca.pem"), &server.url("/data/9/f")])
        .expect(5, &["the server wants a certificate of the client", "help: "]);
    assert!(place.names().is_empty());
}
