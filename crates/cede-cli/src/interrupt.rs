//! Ctrl-C: the first asks every transfer to stop and keep what it has, the second leaves at once.
//!
//! Signals are heeded also while nothing polls the runtime, and a second one ends the program, so one thread waits for them (through the self-pipe of `signal-hook`) and
//! tells the tasks through a `watch` channel: a task that comes late still sees the value, which a bare notification would not give. The thread lives as long as the process.

use cede::sync::watch;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use cede_transfer::Exit;
use cede_transfer::engine::Stop;

/// Takes over SIGINT and SIGTERM, and tells of the first. Where that is impossible, the signals keep their usual effect.
pub(crate) fn install() -> Stop {
    install_restoring(|| {})
}

/// The same; `restore` is called before the second one ends the program.
pub(crate) fn install_restoring(restore: fn()) -> Stop {
    let (sender, receiver) = watch::channel(None);
    match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => {
            let spawned = std::thread::Builder::new().name("cede-signals".to_owned()).spawn(move || listen(signals, &sender, restore));
            drop(spawned);
        }
        Err(error) => crate::progress::lines::say(&format!("warning: Ctrl-C will not be handled: {error}")),
    }
    Stop::new(receiver)
}

/// What Ctrl-C does where the terminal makes no signal of it.
pub(crate) fn interrupt() {
    use rustix::process::{Signal, getpid, kill_process};
    // A process may signal itself.
    let _: Result<(), _> = kill_process(getpid(), Signal::INT);
}

fn listen(mut signals: Signals, sender: &watch::Sender<Option<Exit>>, restore: fn()) {
    for signal in signals.forever() {
        let exit = if signal == SIGTERM { Exit::Terminated } else { Exit::Interrupted };
        let again = sender.send_replace(Some(exit)).is_some();
        if again {
            restore();
            std::process::exit(exit as i32);
        }
    }
}
