//! How fast dead letters are tried again: at most so many in a time, and slowly at first.
//!
//! After an outage the destination gets back what it was spared, on top of what is new. A ramp begins with next to
//! nothing and lets the rate rise evenly, so that an operator sees trouble while it is small.

use std::{ffi::OsString, fmt, num::NonZeroU32, str::FromStr, time::Duration};

use clap::Args;
use tokio::time::Instant;

/// How fast letters are begun; as fast as the consumer's own bounds allow if nothing is set.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tempo {
    /// How many are begun in a second (5/s), a minute (5/m) or an hour (5/h), at most
    #[arg(long, value_name = "N/s")]
    pub rate: Option<Rate>,
    /// How long the rate takes to rise to what --rate says, from next to nothing, as in 1m
    #[arg(long, value_name = "DURATION", requires = "rate", value_parser = humantime::parse_duration)]
    pub ramp: Option<Duration>,
}

/// So many in a second, a minute or an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Per {
    Second,
    Minute,
    Hour,
}

impl Tempo {
    /// The arguments that it is read from, to hand it on to another program.
    pub fn to_args(&self) -> Vec<OsString> {
        let rate = self.rate.map(|rate| format!("--rate={rate}"));
        let ramp = self.ramp.map(|ramp| format!("--ramp={}", humantime::format_duration(ramp)));
        rate.into_iter().chain(ramp).map(OsString::from).collect()
    }
}

impl Rate {
    fn a_second(self) -> f64 {
        let seconds = match self.per {
            Per::Second => 1.0,
            Per::Minute => 60.0,
            Per::Hour => 3600.0,
        };
        f64::from(self.count.get()) / seconds
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, per) = text.split_once('/').unwrap_or((text, "s"));
        let per = match per.trim() {
            "s" => Per::Second,
            "m" => Per::Minute,
            "h" => Per::Hour,
            _ => return Err(WRONG),
        };
        Ok(Self { count: count.trim().parse().map_err(|_| WRONG)?, per })
    }
}

const WRONG: &str = "must be a whole number above 0 and a time, as in 5/s, 30/m or 200/h";

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Per::Second => "s",
            Per::Minute => "m",
            Per::Hour => "h",
        };
        write!(f, "{}/{per}", self.count)
    }
}

/// Hands out the moments at which letters may be begun.
pub(super) struct Turns {
    a_second: f64,
    ramp: Duration,
    given: f64,
    start: Option<Instant>,
}

impl Turns {
    /// `None`: there is no bound.
    pub(super) fn new(tempo: Tempo) -> Option<Self> {
        let a_second = tempo.rate?.a_second();
        Some(Self { a_second, ramp: tempo.ramp.unwrap_or_default(), given: 0.0, start: None })
    }

    /// The next one. Whoever is late has lost their turns: they are not made up for by haste.
    pub(super) fn next(&mut self) -> Instant {
        let (now, due) = (Instant::now(), self.due());
        let start = match self.start {
            Some(start) if start + due >= now => start,
            _ => now.checked_sub(due).unwrap_or(now),
        };
        self.start = Some(start);
        self.given += 1.0;
        start + due
    }

    /// When the next turn is, counted from the first. While the rate rises evenly to `r` over a time `t`, a number of
    /// `r * x² / 2t` has been given by `x`.
    fn due(&self) -> Duration {
        let ramp = self.ramp.as_secs_f64();
        let while_it_rises = self.a_second * ramp / 2.0;
        Duration::from_secs_f64(if self.given < while_it_rises {
            (2.0 * ramp * self.given / self.a_second).sqrt()
        } else {
            ramp + (self.given - while_it_rises) / self.a_second
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn turns(rate: &str, ramp: Option<u64>) -> Turns {
        let tempo = Tempo { rate: Some(rate.parse().unwrap()), ramp: ramp.map(Duration::from_secs) };
        Turns::new(tempo).unwrap()
    }

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for (text, a_second) in [("5/s", 5.0), ("5", 5.0), ("30/m", 0.5), ("1800/h", 0.5)] {
            assert_eq!(text.parse::<Rate>().unwrap().a_second(), a_second, "{text}");
        }
        let rate: Rate = "30/m".parse().unwrap();
        assert_eq!(rate.to_string().parse(), Ok(rate));
        for wrong in ["0/s", "-1/s", "5/d", "1.5/s", "", "/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_evenly_apart() {
        let (start, mut turns) = (Instant::now(), turns("4/s", None));
        let at: Vec<_> = (0..9).map(|_| (turns.next() - start).as_millis()).collect();
        assert_eq!(at, [0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_rises_evenly_and_stays() {
        let (start, mut turns) = (Instant::now(), turns("10/s", Some(60)));
        let at: Vec<_> = (0..1000).map(|_| (turns.next() - start).as_secs()).collect();
        let within = |from: u64, to: u64| at.iter().filter(|second| (from..to).contains(*second)).count();
        // Half the rate on average while it rises: 300 by its end, a quarter of them by half of it.
        assert!((74..=77).contains(&within(0, 30)), "{}", within(0, 30));
        assert!((299..=302).contains(&within(0, 60)), "{}", within(0, 60));
        assert!((99..=101).contains(&within(60, 70)) && (99..=101).contains(&within(100, 110)));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_were_missed_are_not_made_up_for() {
        let mut turns = turns("1/s", None);
        turns.next();
        advance(Duration::from_secs(10)).await;
        let late = turns.next();
        assert_eq!(late, Instant::now());
        assert_eq!(turns.next() - late, Duration::from_secs(1));
    }
}
