//! Checksums: given, told by the server, beside the file; and what is done about damage.

use cede_transfer::Exit;
use cede_transfer::engine::Check;
use cede_transfer::sum::Algorithm;

use crate::case::Case;
use crate::origin::{Fault, Setup};

pub(crate) fn of(bytes: &[u8]) -> Check {
    let mut hasher = Algorithm::Sha256.hasher();
    hasher.update(bytes);
    Check::Sum(hasher.finish())
}

fn hex(check: &Check) -> String {
    match check {
        Check::Sum(sum) => sum.hex(),
        Check::Size | Check::Auto | Check::Manifest(_) => unreachable!("it was made above"),
    }
}

#[test]
fn right_sums_of_all_kinds() {
    for size in [1000, 3_000_000] {
        for algorithm in Algorithm::ALL {
            let mut case = Case::new("right-sums", Setup { size, ..Setup::default() }, vec![Fault::Close(size / 2)]).eager(4);
            let mut hasher = algorithm.hasher();
            hasher.update(&case.origin.content(0));
            case.check = Check::Sum(hasher.finish());
            let ended = case.right(0);
            assert!(ended.said.contains("right"), "{}", ended.said);
        }
    }
}

#[test]
fn flipped_bytes_with_a_sum() {
    for size in [1000, 3_000_000] {
        let mut case = Case::new("flipped", Setup { size, ..Setup::default() }, vec![Fault::Flipped]);
        case.check = of(&case.origin.content(0));
        case.fails(Exit::Checksum, "the SHA-256 is ");
        assert_eq!(case.names(), ["file.part"], "what is wrong is not gone on with");
        // The same command again fetches it anew.
        case.right(0);
    }
}

#[test]
fn sum_told_by_the_server() {
    let case = Case::new("told-content", Setup::default(), vec![]);
    let hex = hex(&of(&case.origin.content(0)));
    let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let headers = format!("Repr-Digest: sha-256=:{base64}:\r\n");
    let mut told = Case::new("told", Setup { headers: headers.clone(), ..Setup::default() }, vec![]);
    told.check = Check::Auto;
    assert!(told.right(0).said.contains("sha-256 right"));
    let mut wrong = Case::new("told", Setup { headers, ..Setup::default() }, vec![Fault::Flipped]);
    wrong.check = Check::Auto;
    wrong.fails(Exit::Checksum, "the SHA-256 is ");
}

#[test]
fn sum_beside_the_file() {
    let content = Case::new("beside-content", Setup::default(), vec![]).origin.content(0);
    let list = format!("{}  file\n", hex(&of(&content)));
    let mut case = Case::new("beside", Setup { beside: Some(list), ..Setup::default() }, vec![]);
    case.check = Check::Auto;
    assert!(case.right(0).said.contains("sha-256 right"));
    let mut none = Case::new("beside", Setup::default(), vec![]);
    none.check = Check::Auto;
    assert!(none.right(0).said.contains("no checksum found"));
}
