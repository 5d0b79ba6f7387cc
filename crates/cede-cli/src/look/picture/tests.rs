//! Tests of reading pictures.

use std::time::Duration;

use super::Picture;

#[test]
fn lines_become_values_and_those_of_the_future_are_left_alone() {
    let text = "runtime\t1\tweb, 2 workers\t5\t3\t2\t1\t4\t6\tmore\nthread\t77\tcede-worker-0\t9\nthread\t78\t\t\nweather\tfine\n\
                task\t9\t1\trunning\t512\t40\t1500\tname\tsrc/a.rs:1:2\t\tapp::main\ntask\t10\t\twaiting\t0\t1\t\t\tsrc/b.rs:3:4\ta timer\tx\n";
    let picture = Picture::parse(text).unwrap();
    let runtime = &picture.runtimes[0];
    assert_eq!((runtime.number, &*runtime.description, runtime.tasks, runtime.queued), (1, "web, 2 workers", 5, 3));
    assert_eq!((runtime.stalls, runtime.deadlocks, runtime.rescued, runtime.blocking_threads), (2, 1, 4, 6));
    assert_eq!(picture.threads.iter().map(|thread| thread.task).collect::<Vec<_>>(), [Some(9), None]);
    let [runs, waits] = &picture.tasks[..] else { panic!("{picture:?}") };
    assert_eq!((runs.share, runs.polls, runs.age, &*runs.name), (512, 40, Some(Duration::from_millis(1500)), "name"));
    assert_eq!((waits.runtime, waits.age, &*waits.waits_for, &*waits.future), (None, None, "a timer", "x"));
}

#[test]
fn a_line_that_is_not_understood_is_an_error_that_shows_it() {
    let error = Picture::parse("task\t9\t1\trunning\tmuch\t40\t1\t\t\t\t\n").unwrap_err();
    assert!(error.contains("much"), "{error}");
    assert!(Picture::parse("runtime\t1\n").is_err());
}

#[test]
fn a_program_cannot_move_the_cursor_by_a_name() {
    let picture = Picture::parse("thread\t1\t\x1b[2Jname\t\n").unwrap();
    assert!(!picture.threads[0].name.contains('\x1b'), "{picture:?}");
}

#[test]
fn tasks_have_a_priority_and_a_group_if_the_program_says_so() {
    let text = "task\t9\t1\trunning\t0\t1\t\t\tsrc/a.rs:1:2\t\tf\thigh\timports\ntask\t10\t1\trunning\t0\t1\t\t\tsrc/a.rs:1:2\t\tf\n";
    let picture = Picture::parse(text).unwrap();
    let said: Vec<_> = picture.tasks.iter().map(|task| (&*task.priority, &*task.group)).collect();
    assert_eq!(said, [("high", "imports"), ("", "")]);
}

#[test]
fn groups_of_one_name_on_one_runtime_are_one() {
    let picture =
        Picture::parse("group\t1\timports\t20\t3\t40\t500\ngroup\t2\timports\t1\t1\t1\t1\ngroup\t1\timports\t30\t1\t2\t1500\n").unwrap();
    let [first, second] = &picture.groups[..] else { panic!("{picture:?}") };
    assert_eq!((first.runtime, first.shares, first.tasks, first.polls, first.busy), (1, 50, 4, 42, Duration::from_millis(2)));
    assert_eq!((second.runtime, &*second.name), (2, "imports"));
    assert!(Picture::parse("group\t1\timports\tmany\t3\t40\t500\n").is_err());
}

#[test]
fn timers_are_counted_if_the_program_says_so() {
    let text = "runtime\t1\tweb\t5\t3\t2\t1\t4\t6\t1 2 3 4\t0 0 0 0\t700\nruntime\t2\tolder\t5\t3\t2\t1\t4\t6\t1 2 3 4\t0 0 0 0\n";
    let picture = Picture::parse(text).unwrap();
    assert_eq!(picture.runtimes.iter().map(|runtime| runtime.timers).collect::<Vec<_>>(), [Some(700), None]);
}
