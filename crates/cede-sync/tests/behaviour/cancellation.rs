//! Cancellation tokens: the tree, waiting, guards, reasons.

use std::future::{pending, ready};

use cede_sync::CancellationToken;
use proptest::prelude::*;

use crate::polling::{now, polled};

#[test]
fn cancelling_reaches_all_below_and_nobody_beside() {
    let root = CancellationToken::new();
    let (left, right) = (root.child_token(), root.child_token());
    let (below, deeper) = (left.child_token(), left.child_token().child_token());
    left.clone().cancel();
    let state = [&root, &left, &right, &below, &deeper].map(CancellationToken::is_cancelled);
    // The token between `left` and `deeper` has gone.
    assert_eq!(state, [false, true, false, true, true]);
    assert!(below.child_token().is_cancelled());
    root.cancel();
    assert!(right.is_cancelled());
}

#[test]
fn all_that_wait_are_woken_once() {
    let root = CancellationToken::new();
    let children: Vec<_> = (0..40).map(|_| root.child_token()).collect();
    let mut waits: Vec<_> = children.iter().map(|child| polled(child.cancelled())).collect();
    waits.extend((0..40).map(|_| polled(root.cancelled())));
    waits.iter_mut().for_each(|wait| wait.pending());
    let mut owned = polled(root.child_token().cancelled_owned());
    owned.pending();
    let unpolled = polled(root.cancelled());
    root.cancel();
    root.cancel();
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        wait.ready();
    }
    assert_eq!(owned.wakes(), 1, "the future keeps its token in the tree");
    owned.ready();
    { unpolled }.ready();
    now(children[3].cancelled());
}

#[test]
fn a_chain_of_tokens_may_be_long() {
    const LENGTH: usize = 1_000_000;
    let chain = |root: &CancellationToken| {
        let mut chain = vec![root.clone()];
        (0..LENGTH).for_each(|last| chain.push(chain[last].child_token()));
        chain
    };
    let root = CancellationToken::new();
    let mut tokens = chain(&root);
    let last = tokens.pop().unwrap();
    root.cancel();
    assert!(last.is_cancelled() && tokens.iter().all(CancellationToken::is_cancelled));
    drop(tokens);
    // From both ends.
    for from_above in [true, false] {
        let root = CancellationToken::new();
        let mut tokens = chain(&root);
        let last = tokens.pop().unwrap();
        if from_above {
            tokens.into_iter().for_each(drop);
        } else {
            tokens.into_iter().rev().for_each(drop);
        }
        assert!(!last.is_cancelled());
        root.cancel();
        assert!(last.is_cancelled());
    }
    // Only the last of the chain is ever alive.
    let root = CancellationToken::new();
    let mut last = root.child_token();
    (0..LENGTH).for_each(|_| last = last.child_token());
    root.cancel();
    assert!(last.is_cancelled());
}

#[test]
fn the_first_reason_counts_and_goes_down() {
    let root = CancellationToken::new();
    let (child, other) = (root.child_token(), root.child_token());
    other.cancel();
    assert!(root.reason().is_none());
    root.cancel_with("the disk is full");
    root.cancel_with(String::from("too late"));
    let texts: Vec<_> = [&root, &child, &child.child_token()].iter().map(|token| token.reason().unwrap().to_string()).collect();
    assert_eq!(texts, ["the disk is full"; 3]);
    assert!(other.reason().is_none() && other.child_token().reason().is_none());
    let typed = CancellationToken::new();
    typed.cancel_with(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let reason = typed.reason().unwrap();
    assert_eq!(reason.downcast_ref::<std::io::Error>().map(std::io::Error::kind), Some(std::io::ErrorKind::TimedOut));
}

#[test]
fn guards_cancel_unless_disarmed() {
    let token = CancellationToken::new();
    let guard = token.clone().drop_guard();
    assert!(!guard.token().is_cancelled());
    assert_eq!(guard.disarm(), token);
    assert_eq!(token.drop_guard_ref().disarm(), &token);
    assert!(!token.is_cancelled());
    drop(token.child_token().drop_guard());
    assert!(!token.is_cancelled());
    drop(token.drop_guard_ref());
    assert!(token.is_cancelled());
}

#[test]
fn a_future_runs_until_it_is_cancelled() {
    let token = CancellationToken::new();
    assert_eq!(now(token.run_until_cancelled(ready(1))), Some(1));
    let mut run = polled(token.run_until_cancelled(pending::<()>()));
    let mut owned = polled(token.clone().run_until_cancelled_owned(pending::<()>()));
    run.pending();
    owned.pending();
    token.cancel();
    assert_eq!((run.wakes(), run.ready()), (1, None));
    assert_eq!((owned.wakes(), owned.ready()), (1, None));
    assert_eq!(now(token.run_until_cancelled(async { panic!("is not polled") })), None::<()>);

    let token = CancellationToken::new();
    let (tx, rx) = cede_sync::oneshot::channel();
    let mut run = polled(token.run_until_cancelled(rx));
    run.pending();
    token.cancel();
    tx.send(2).unwrap();
    assert_eq!(run.ready(), Some(Ok(2)), "what is ready is not thrown away");
}

#[test]
fn tokens_show_and_compare_by_identity() {
    let token = CancellationToken::default();
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false }");
    assert!(token == token.clone() && token != token.child_token());
}

/// A node of the model: its parent, whether it is cancelled, and the handle.
struct Model {
    parent: Option<usize>,
    cancelled: bool,
    real: Option<CancellationToken>,
}

proptest! {
    #[test]
    fn behaves_as_a_tree(steps in proptest::collection::vec((0_u8..8, 0_usize..40), 1..150)) {
        let mut nodes = vec![Model { parent: None, cancelled: false, real: Some(CancellationToken::new()) }];
        for (step, pick) in steps {
            let chosen = pick % nodes.len();
            let Some(real) = nodes[chosen].real.clone() else { continue };
            match step {
                0..=4 => {
                    let cancelled = nodes[chosen].cancelled;
                    nodes.push(Model { parent: Some(chosen), cancelled, real: Some(real.child_token()) });
                }
                5 | 6 => nodes[chosen].real = None,
                _ => {
                    real.cancel();
                    nodes[chosen].cancelled = true;
                    // Children come after their parents.
                    for node in 0..nodes.len() {
                        nodes[node].cancelled |= nodes[node].parent.is_some_and(|parent| nodes[parent].cancelled);
                    }
                }
            }
            for node in &nodes {
                if let Some(real) = &node.real {
                    prop_assert_eq!(real.is_cancelled(), node.cancelled);
                }
            }
        }
    }
}
