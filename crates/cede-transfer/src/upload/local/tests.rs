//! Nobody reads on for a body that is not wanted any more.

use super::*;
use crate::engine::{Engine, Settings};

#[test]
fn a_body_that_is_dropped_is_not_read_for_while_its_pipe_is_silent() {
    let (reader, _writer) = io::pipe().unwrap();
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let shared = Engine::new(Settings::default()).0;
        let course = Course { shared, host: "h".to_owned(), control: Control::new() };
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
