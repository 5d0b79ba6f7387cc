//! Two tasks, each with a mailbox, ask each other for something and wait for the answer.
//!
//! Neither reads its mailbox while it waits. No runtime can go on here; what can be done is to show who waits for what, and, where waits are known to be for answers (actors), to refuse the
//! question that closes the circle.

use std::time::Duration;

use rt::runtime::Handle;
use rt::sync::{mpsc, oneshot};

type Question = oneshot::Sender<u64>;

fn main() {
    side::demo(Duration::from_secs(5), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(async {
            let ((to_a, mail_a), (to_b, mail_b)) = (mpsc::channel(8), mpsc::channel(8));
            rt::spawn(answerer(mail_a, to_b.clone()));
            rt::spawn(answerer(mail_b, to_a.clone()));
            let answer = rt::time::timeout(Duration::from_secs(1), ask(&to_a)).await;
            let outcome = if answer.is_ok() { "answered" } else { "hangs: no answer within 1 s" };
            format!("{outcome}{}{}", side::dump(&Handle::current()), side::actors_that_ask_each_other().await)
        })
    });
}

/// To answer a question, it asks the other.
async fn answerer(mut mail: mpsc::Receiver<Question>, other: mpsc::Sender<Question>) {
    while let Some(question) = mail.recv().await {
        let answer = ask(&other).await;
        // Who has asked may have lost patience.
        let _too_late = question.send(answer + 1);
    }
}

async fn ask(whom: &mpsc::Sender<Question>) -> u64 {
    let (question, answer) = oneshot::channel();
    whom.send(question).await.expect("it is there");
    answer.await.expect("it answers")
}
