//! Accounts that are made up, and what they show.

use std::time::Duration;

use super::{Judge, Ledger, Meter, Slow, Spent, Wait, judge};

const SECOND: Duration = Duration::from_secs(1);

/// Seconds in waits, and at work.
fn account(waits: &[(Wait, u32)], work: u32) -> Spent {
    let mut spent = Spent { total: SECOND * (work + waits.iter().map(|(_, seconds)| seconds).sum::<u32>()), ..Spent::default() };
    waits.iter().for_each(|(wait, seconds)| spent.waits[*wait as usize] = SECOND * *seconds);
    spent
}

#[test]
fn the_largest_share_is_the_reason() {
    for (wait, slow) in [
        (Wait::Bytes, Slow::Server),
        (Wait::Answer, Slow::Answer),
        (Wait::Turn, Slow::Turn),
        (Wait::Rate, Slow::Rate),
        (Wait::HostRate, Slow::HostRate),
        (Wait::OwnRate, Slow::OwnRate),
        (Wait::Reader, Slow::Reader),
        (Wait::Disk, Slow::Disk),
        (Wait::Sum, Slow::Sum),
        (Wait::Retry, Slow::Retry),
    ] {
        assert_eq!(judge(&account(&[(wait, 6)], 4)), Some(slow));
    }
    assert_eq!(judge(&account(&[(Wait::Bytes, 2), (Wait::Disk, 1)], 7)), Some(Slow::Processor));
}

#[test]
fn without_a_large_share_or_time_there_is_no_reason() {
    assert_eq!(judge(&account(&[(Wait::Bytes, 3), (Wait::Disk, 3)], 2)), None);
    assert_eq!(judge(&Spent::default()), None);
}

#[test]
fn a_wait_for_bytes_that_were_there_is_the_processor_s() {
    let mut spent = account(&[(Wait::Bytes, 9)], 1);
    spent.busy = SECOND * 8;
    assert_eq!(judge(&spent), Some(Slow::Processor));
    assert_eq!((spent.waited(Wait::Bytes), spent.worked()), (SECOND, SECOND * 9));
}

#[test]
fn accounts_add_and_subtract() {
    let (a, b) = (account(&[(Wait::Disk, 3)], 1), account(&[(Wait::Disk, 1), (Wait::Rate, 5)], 2));
    assert_eq!(a.and(&b).since(&b), a);
}

#[test]
fn what_all_wait_for_at_the_end_counts_for_all() {
    // Eight connections for two seconds, and then the disk for as long or half of it.
    let spent = account(&[(Wait::Bytes, 12)], 4);
    assert_eq!(judge(&spent.and_then_waited(Wait::Disk, SECOND * 2, SECOND * 2)), Some(Slow::Disk));
    assert_eq!(judge(&spent.and_then_waited(Wait::Disk, SECOND, SECOND * 2)), Some(Slow::Server));
    // Less than one connection, on average, waits as one; so does nothing at all.
    assert_eq!(account(&[], 1).and_then_waited(Wait::Disk, SECOND, SECOND * 100).waited(Wait::Disk), SECOND);
    assert_eq!(Spent::default().and_then_waited(Wait::Disk, SECOND, Duration::ZERO).total(), SECOND);
}

/// Seconds of so many connections that wait for bytes all the time, and get so many.
fn receive(judge: &mut Judge, spent: &mut Spent, now: &mut Duration, connections: u32, rate: u64) -> Option<Slow> {
    let mut verdict = None;
    for _ in 0..10 {
        let passed = Duration::from_millis(250);
        *now += passed;
        spent.waits[Wait::Bytes as usize] += passed * connections;
        spent.total += passed * connections;
        spent.bytes += rate / 4;
        verdict = judge.look(*now, *spent);
    }
    verdict
}

#[test]
fn more_connections_that_bring_more_show_a_limit_for_each() {
    let (mut judge, mut spent, mut now) = (Judge::default(), Spent::default(), SECOND);
    judge.look(now, spent);
    assert_eq!(receive(&mut judge, &mut spent, &mut now, 1, 8_000_000), Some(Slow::Server));
    let Some(Slow::Connection(cap)) = receive(&mut judge, &mut spent, &mut now, 4, 31_000_000) else { panic!("{judge:?}") };
    assert!((7e6..9e6).contains(&cap), "{cap}");
    assert!(matches!(judge.overall(&spent), Some(Slow::Connection(_))));
    // Even more of them bring nothing: now it is the server as a whole.
    assert_eq!(receive(&mut judge, &mut spent, &mut now, 16, 33_000_000), Some(Slow::Server));
}

#[test]
fn more_connections_that_bring_nothing_show_the_server() {
    let (mut judge, mut spent, mut now) = (Judge::default(), Spent::default(), SECOND);
    judge.look(now, spent);
    receive(&mut judge, &mut spent, &mut now, 1, 8_000_000);
    assert_eq!(receive(&mut judge, &mut spent, &mut now, 4, 9_000_000), Some(Slow::Server));
}

#[test]
fn what_was_long_ago_is_forgotten() {
    let (mut judge, mut spent, mut now) = (Judge::default(), Spent::default(), SECOND);
    judge.look(now, spent);
    receive(&mut judge, &mut spent, &mut now, 1, 1000);
    for _ in 0..20 {
        now += SECOND;
        spent.waits[Wait::Rate as usize] += SECOND;
        spent.total += SECOND;
        judge.look(now, spent);
    }
    assert_eq!(judge.look(now, spent), Some(Slow::Rate));
}

#[test]
fn waits_are_measured_also_while_they_last_and_when_they_are_dropped() {
    let simulation = cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    simulation.block_on(async {
        let ledger = Ledger::default();
        let flight = ledger.fly();
        ledger.wait(Wait::Disk, cede::time::sleep(SECOND)).await;
        // Dropped while it waits.
        drop(cede::time::timeout(SECOND * 2, ledger.wait(Wait::Rate, std::future::pending::<()>())).await);
        let mut under_way = std::pin::pin!(ledger.wait(Wait::Bytes, std::future::pending::<()>()));
        drop(cede::time::timeout(SECOND * 4, &mut under_way).await);
        let spent = ledger.spent();
        let near = |wait, seconds: u32| spent.waited(wait).as_millis().abs_diff((SECOND * seconds).as_millis()) < 50;
        assert!(near(Wait::Disk, 1) && near(Wait::Rate, 2) && near(Wait::Bytes, 4), "{spent:?}");
        drop(flight);
        let after = ledger.spent();
        ledger.wait(Wait::Disk, async {}).await;
        assert_eq!(ledger.spent().total(), after.total(), "nobody flies");
    });
}

#[test]
fn rest_is_neither_work_nor_a_wait() {
    let simulation = cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    simulation.block_on(async {
        let ledger = Ledger::default();
        let flight = ledger.fly();
        let resting = ledger.rest();
        let before = ledger.spent();
        cede::time::sleep(SECOND).await;
        assert_eq!(ledger.spent(), before);
        drop(resting);
        let before = ledger.spent();
        cede::time::sleep(SECOND).await;
        assert!(ledger.spent().since(&before).worked() >= SECOND);
        // Dropped while it rests, as when the transfer is cancelled.
        drop((ledger.rest(), flight));
        let before = ledger.spent();
        cede::time::sleep(SECOND).await;
        assert_eq!(ledger.spent(), before, "nobody flies");
    });
}

#[test]
fn only_silence_on_the_line_is_the_server_s() {
    let simulation = cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    simulation.block_on(async {
        let (ledger, meter) = (Ledger::default(), Meter::default());
        let _flight = ledger.fly();
        let line = async {
            meter.nothing_came(Instant::now());
            cede::time::sleep(SECOND).await;
            meter.came(Instant::now(), 1);
            // Decrypting.
            cede::time::sleep(SECOND * 3).await;
        };
        ledger.wait_for_bytes(&meter, line).await;
        let spent = ledger.spent();
        assert!(spent.waited(Wait::Bytes).as_millis().abs_diff(1000) < 50, "{spent:?}");
        assert_eq!(judge(&spent), Some(Slow::Processor));
    });
}
