//! Decisions are repeatable, as frequent as they should be, and mistakes are told.

use proptest::prelude::*;

use super::{Cut, Decision, Plan, Status, matches};

fn all(spec: &str, seed: u64, paths: &[&str], each: usize) -> Vec<Decision> {
    let mut plan = Plan::parse(spec, seed).unwrap();
    (0..each).flat_map(|_| paths.iter().map(|path| plan.decide("GET", path)).collect::<Vec<_>>()).collect()
}

#[test]
fn the_example_of_the_help_is_right() {
    let spec = "reset=5%,after=64K..1M;stall=1%;status=503:10%,retry-after=1;slow=256K;truncate=1%;flip=0.1%;ignore-range;wrong-total;change-at=3;no-validators;redirect-loop";
    let decision = Plan::parse(spec, 7).unwrap().decide("GET", "/x");
    assert!(decision.ignore_range && decision.wrong_total && decision.no_validators && decision.redirect_loop);
    assert_eq!((decision.slow, decision.version, decision.attempt), (Some(256 << 10), 0, 1));
    assert!(decision.flip.is_some());
}

#[test]
fn order_among_paths_does_not_matter() {
    let spec = "reset=30%,after=1..9999;status=503:20%;delay=0s..1s,p=50%;flip=1%";
    let together = all(spec, 3, &["/a", "/b"], 50);
    let alone = all(spec, 3, &["/b"], 50);
    let of_b: Vec<_> = together.into_iter().skip(1).step_by(2).collect();
    assert_eq!(of_b, alone);
    assert_ne!(all(spec, 4, &["/b"], 50), alone);
}

#[test]
fn as_often_as_it_says() {
    let decisions = all("reset=5%,after=10..20;status=503:25%,retry-after=soon", 1, &["/a", "/b", "/c", "/d"], 5000);
    let share = |is: fn(&Decision) -> bool| decisions.iter().filter(|decision| is(decision)).count() as f64 / decisions.len() as f64;
    assert!((0.04..0.06).contains(&share(|decision| decision.cut.is_some())));
    assert!((0.23..0.27).contains(&share(|decision| decision.status.is_some())));
    assert!(decisions.iter().filter_map(|decision| decision.cut).all(|(how, at)| how == Cut::Reset && (10..=20).contains(&at)));
    let status = decisions.iter().find_map(|decision| decision.status.clone());
    assert_eq!(status, Some(Status { code: 503, retry_after: Some("soon".to_owned()) }));
}

#[test]
fn tries_paths_and_methods() {
    let mut plan = Plan::parse("status=500,tries=2..3,path=/a*z,method=put", 1).unwrap();
    let codes: Vec<_> = (0..4).map(|_| plan.decide("PUT", "/a/z").status.map(|status| status.code)).collect();
    assert_eq!(codes, [None, Some(500), Some(500), None]);
    assert!((0..4).all(|_| plan.decide("GET", "/a/zz").status.is_none()));
    assert!((0..4).all(|_| plan.decide("PUT", "/b").status.is_none()));
    assert_eq!(plan.counts().iter().collect::<Vec<_>>(), [(&"status", &2)]);
}

#[test]
fn a_file_changes_once() {
    let versions: Vec<_> = all("change-at=3", 1, &["/a"], 5).iter().map(|decision| (decision.version, decision.named.len())).collect();
    assert_eq!(versions, [(0, 0), (0, 0), (1, 1), (1, 0), (1, 0)]);
}

#[test]
fn the_earliest_cut_is_the_one() {
    let decision = all("truncate,after=100;reset,after=50;stall,after=200", 1, &["/a"], 1).remove(0);
    assert_eq!(decision.cut, Some((Cut::Reset, 50)));
}

#[test]
fn mistakes_are_told() {
    let told = |spec: &str| Plan::parse(spec, 0).unwrap_err().to_string();
    assert!(told("resett=1%").contains("is it 'reset'?"), "{}", told("resett=1%"));
    assert!(told("reset=5").contains("'5' is not a probability"));
    assert!(told("reset=101%").contains("between"));
    assert!(told("reset,after=2M..1M").contains("is empty"));
    assert!(told("slow").contains("slow=RATE"));
    assert!(told("slow=0").contains("more than 0"));
    assert!(told("status=99").contains("not a status"));
    assert!(told("page,after=3").contains("'after=3' is for"));
    assert!(told("page,fast").contains("NAME=VALUE"));
    assert!(told("page=1%,p=2%").contains("two probabilities"));
    assert!(told("ok;reset").contains("'ok'"));
    assert!(Plan::parse(" ; ", 0).is_ok());
}

#[test]
fn patterns() {
    let cases = [
        ("/a", "/a", true),
        ("/a", "/ab", false),
        ("*", "", true),
        ("*.iso", "/x.iso", true),
        ("/a*b*c", "/axbxxc", true),
        ("/a*b*c", "/acb", false),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(spec in "\\PC{0,60}", seed: u64) {
        drop(Plan::parse(&spec, seed));
    }

    #[test]
    fn nearly_right_text_does_not_either(
        spec in "(reset|status|slow|flip|delay|change-at|p|x)(=[0-9%.:KMs]{0,6})?(,(after|p|tries|path)=[0-9.%KM*]{0,6}){0,2}",
        seed: u64,
    ) {
        if let Ok(mut plan) = Plan::parse(&spec, seed) {
            plan.decide("GET", "/path");
        }
    }

    #[test]
    fn flips_do_not_depend_on_how_the_file_is_cut(cuts in prop::collection::vec(1_usize..30_000, 0..6), seed: u64) {
        let flip = Plan::parse("flip=20%", seed).unwrap().decide("GET", "/").flip.unwrap();
        let mut whole = vec![0_u8; 100_000];
        flip.apply(0, &mut whole);
        let mut pieces = vec![0_u8; 100_000];
        let mut at = 0_usize;
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let end = at.saturating_add(cut).min(pieces.len());
            flip.apply(at as u64, &mut pieces[at..end]);
            at = end;
        }
        prop_assert_eq!(whole, pieces);
    }
}
