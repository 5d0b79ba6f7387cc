//! Nobody reads on for a body that is not wanted any more; and what a body waits for, on a clock that jumps over it.

use cede::time::Instant;
use http_body_util::BodyExt;

use super::super::wire::watched;
use super::*;
use crate::engine::{Engine, Settings};
use crate::plan::Rules;

fn course(settings: Settings, control: &Control) -> Course {
    Course { shared: Engine::new(settings).0, host: "h".to_owned(), control: control.clone() }
}

#[test]
fn a_body_that_is_dropped_is_not_read_for_while_its_pipe_is_silent() {
    let (reader, _writer) = io::pipe().unwrap();
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let course = course(Settings::default(), &Control::new());
        let moved = Arc::new(Moved::default());
        let body = course.body_of(Piped::of(reader).unwrap(), &moved);
        cede::task::yield_now().await;
        assert_eq!(Arc::strong_count(&moved), 3);
        drop(body);
        for _ in 0..1000 {
            cede::task::yield_now().await;
        }
        assert_eq!(Arc::strong_count(&moved), 1);
    });
}

/// Runs this on a clock that jumps to the next deadline whenever everybody waits.
fn in_no_time<T>(test: impl Future<Output = T>) -> T {
    cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test)
}

/// Somebody writes these to a pipe, and pauses after each.
fn piped(chunks: &'static [Bytes], pause: Duration) -> Piped {
    let (writer, reader) = mpsc::channel(AHEAD);
    tasks::spawn(async move {
        for chunk in chunks {
            if writer.send(Ok(chunk.clone())).await.is_err() {
                return;
            }
            cede::time::sleep(pause).await;
        }
    });
    Piped { chunks: reader, window: BytesMut::new(), start: 0, ended: false }
}

/// A server that takes what there is at once, and is watched.
async fn taken(course: &Course, rules: &Rules, piped: Piped) -> Result<Bytes, String> {
    let moved = Arc::new(Moved::default());
    let body = course.body_of(piped, &moved);
    let answer = async { body.collect().await.unwrap().to_bytes() };
    watched(rules, (&moved, &course.control), answer).await.map_err(|setback| setback.failure.to_string())
}

#[test]
fn whoever_writes_to_a_pipe_takes_his_time() {
    static CHUNKS: [Bytes; 3] = [Bytes::from_static(b"x"), Bytes::from_static(b"y"), Bytes::from_static(b"z")];
    let limit = Duration::from_secs(3);
    let rules = Rules { stall: limit, min_speed: Some((1 << 20, limit)), ..Rules::default() };
    for pause in [limit / 2, limit, limit * 1200] {
        in_no_time(async {
            let settings = Settings { rules: rules.clone(), ..Settings::default() };
            let course = course(settings, &Control::new());
            assert_eq!(taken(&course, &rules, piped(&CHUNKS, pause)).await.as_deref(), Ok(&b"xyz"[..]), "{pause:?}");
            // With tus, nothing is asked of the server until there is something to send.
            let mut again = piped(&CHUNKS, pause);
            assert_eq!(again.window(0, 4).await.unwrap(), &b"xyz"[..]);
            assert_eq!(again.end(), Some(3));
        });
    }
}

#[test]
fn limits_are_kept_also_for_what_comes_from_a_pipe() {
    const SIZE: u64 = 600_000;
    static CHUNKS: [Bytes; 6] = [const { Bytes::from_static(&[7; SIZE as usize / 6]) }; 6];
    // Two chunks a second, whose limit it may be.
    let rate = Some(SIZE / 3);
    let of_all = || (Settings { rate, ..Settings::default() }, Control::new(), Wait::Rate);
    let of_host = || (Settings { rate_per_host: rate, ..Settings::default() }, Control::new(), Wait::HostRate);
    let own = || {
        let control = Control::new();
        control.set_limit(rate);
        (Settings::default(), control, Wait::OwnRate)
    };
    for limited in [of_all(), of_host(), own()] {
        in_no_time(async move {
            let (settings, control, wait) = limited;
            let course = course(settings, &control);
            let (before, rules) = (Instant::now(), Rules::default());
            let bytes = taken(&course, &rules, piped(&CHUNKS, Duration::ZERO)).await.unwrap();
            assert_eq!(bytes.len() as u64, SIZE);
            let took = before.elapsed();
            assert!(took >= Duration::from_millis(2900) && took <= Duration::from_secs(4), "{wait:?}: {took:?}");
            let spent = control.spent();
            assert!(spent.waited(wait) >= Duration::from_secs(2), "{wait:?}: {spent:?}");
            assert_eq!(spent.bytes(), SIZE);
        });
    }
}

#[test]
fn a_server_that_takes_too_little_is_one_too_many() {
    static CHUNKS: [Bytes; 64] = [const { Bytes::from_static(&[7; CHUNK]) }; 64];
    let limit = Duration::from_secs(3);
    // One piece of sixteen kibibytes for each pause.
    let cases = [
        (Duration::MAX, None, Some("the server took no more bytes")),
        (limit / 3, Some(20_000), Some("the server took fewer than")),
        (limit / 3, Some(10_000), None),
        (limit / 3, None, None),
    ];
    for (pause, slowest, told) in cases {
        in_no_time(async {
            let rules = Rules { stall: limit, min_speed: slowest.map(|slowest| (slowest, limit)), ..Rules::default() };
            let course = course(Settings { rules: rules.clone(), ..Settings::default() }, &Control::new());
            let moved = Arc::new(Moved::default());
            let mut body = course.body_of(piped(&CHUNKS, Duration::ZERO), &moved);
            let answer = async {
                let mut taken = 0;
                while let Some(frame) = body.frame().await {
                    taken += frame.unwrap().into_data().unwrap().len();
                    cede::time::sleep(pause.min(Duration::from_secs(86_400))).await;
                }
                taken
            };
            let answer = watched(&rules, (&moved, &course.control), answer).await;
            match (answer, told) {
                (Ok(taken), None) => assert_eq!(taken, CHUNKS.len() * CHUNK),
                (Err(setback), Some(told)) => {
                    let said = setback.failure.to_string();
                    assert!(setback.failure.exit() == Exit::TimedOut && said.contains(told), "{said}");
                }
                (answer, _) => panic!("{pause:?} {slowest:?}: {:?}", answer.map_err(|setback| setback.failure)),
            }
        });
    }
}
