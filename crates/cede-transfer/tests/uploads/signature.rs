//! Whether a request is signed as AWS documents it (Signature Version 4, in the query): computed anew from the request as it came, and by no library that the client uses.

use hyper::Request;
use sha2::{Digest, Sha256};

/// HMAC-SHA256, as RFC 2104 has it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let within = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(within).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the signature in the query is the one that this secret makes.
pub(crate) fn is_right<B>(request: &Request<B>, secret: &str) -> bool {
    check(request, secret).unwrap_or(false)
}

fn check<B>(request: &Request<B>, secret: &str) -> Option<bool> {
    let mut pairs: Vec<&str> = request.uri().query()?.split('&').collect();
    let value = |name: &str| {
        pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(|text| text.replace("%2F", "/").replace("%3B", ";"))
    };
    let (signature, date, signed) = (value("X-Amz-Signature")?, value("X-Amz-Date")?, value("X-Amz-SignedHeaders")?);
    let credential = value("X-Amz-Credential")?;
    let (_key, scope) = credential.split_once('/')?;
    let [day, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else { return Some(false) };
    if value("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" || !date.starts_with(day) || service != "s3" {
        return Some(false);
    }
    pairs.retain(|pair| !pair.starts_with("X-Amz-Signature="));
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|pair| if pair.contains('=') { (*pair).to_owned() } else { format!("{pair}=") }).collect();
    let mut headers = String::new();
    for name in signed.split(';') {
        headers.push_str(&format!("{name}:{}\n", request.headers().get(name)?.to_str().ok()?.trim()));
    }
    let canonical = format!("{}\n{}\n{}\n{headers}\n{signed}\nUNSIGNED-PAYLOAD", request.method(), request.uri().path(), pairs.join("&"));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key =
        [day, region, service, "aws4_request"].iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    Some(hex(&hmac(&key, text.as_bytes())) == signature)
}

/// The example of Amazon's documentation, "Authenticating Requests: Using Query Parameters".
#[test]
fn the_documented_example() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
               &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
               &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let request = |host: &str| Request::get(uri).header("host", host).body(()).unwrap();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert!(is_right(&request("examplebucket.s3.amazonaws.com"), secret));
    assert!(!is_right(&request("examplebucket.s3.amazonaws.com"), "another"));
    assert!(!is_right(&request("other.s3.amazonaws.com"), secret));
}
