//! The simulated driver: no kernel, no sleeping. A worker that has nothing to do jumps the clock to its next deadline; if it has none and nobody has left
//! it a token, it is stuck, which the simulator reports as a deadlock.

use crate::Turn;
use crate::clock::Clock;
use crate::parking::Parking;

pub(crate) fn park(parking: &Parking, clock: &Clock, until: Option<u64>) -> Turn {
    let unparked = parking.finish();
    match until {
        _ if unparked => {}
        Some(deadline) => clock.jump_to(deadline),
        None => return Turn { stuck: true, ..Turn::default() },
    }
    Turn { unparked, ..Turn::default() }
}

#[cfg(test)]
mod tests {
    use crate::Driver;
    use crate::clock::Clock;

    #[test]
    fn jumps_to_the_deadline_unless_unparked() {
        let clock = Clock::simulated();
        let mut driver = Driver::sim(clock.clone());
        assert!(!driver.park(Some(500)).unwrap().stuck);
        assert_eq!(clock.now(), 500);
        driver.handle().unpark();
        assert!(driver.park(Some(900)).unwrap().unparked);
        assert_eq!(clock.now(), 500);
        assert!(driver.park(None).unwrap().stuck);
    }
}
