//! The newest values of all metrics, and the file that shows them.

use std::{collections::BTreeMap, io, path::Path};

use crate::status::{self, Point};

/// More points than all our services have; what comes on top is none of ours, and left out.
const MOST: usize = 10_000;

/// The newest values. A service that starts again takes the place of what it was.
#[derive(Default)]
pub(super) struct Newest {
    points: BTreeMap<(String, String, String), Point>,
    /// Whether there is anything that has not been written.
    unwritten: bool,
    /// Whether that could not be done last time: it is said once, not every second.
    broken: bool,
}

impl Newest {
    /// Takes them in.
    pub(super) fn add(&mut self, points: Vec<Point>) {
        for point in points {
            let key = (point.service.clone(), point.name.clone(), point.said_attributes());
            if self.points.contains_key(&key) || self.points.len() < MOST {
                self.points.insert(key, point);
                self.unwritten = true;
            }
        }
    }

    /// Writes them, if there is anything new. That the disk is full is no reason to end a run.
    pub(super) fn write(&mut self, folder: &Path) {
        match self.written(folder) {
            Ok(()) => self.broken = false,
            Err(error) if !self.broken => {
                self.broken = true;
                tracing::warn!(%error, "the newest metrics can't be written");
            }
            Err(_) => {}
        }
    }

    fn written(&mut self, folder: &Path) -> io::Result<()> {
        if self.unwritten {
            status::write_points(folder, self.points.values())?;
            self.unwritten = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(service: &str, value: f64) -> Point {
        let (service, name) = (service.to_owned(), "usher.circuit.open".to_owned());
        Point { service, name, value: Some(value), ..Point::default() }
    }

    #[test]
    fn a_value_takes_the_place_of_an_earlier_one_of_the_same_service() {
        let folder = tempfile::tempdir().unwrap();
        let mut newest = Newest::default();
        newest.add(vec![point("usher-billing", 0.0), point("usher-crm", 0.0)]);
        newest.add(vec![point("usher-billing", 1.0)]);
        newest.write(folder.path());
        let expected = vec![point("usher-billing", 1.0), point("usher-crm", 0.0)];
        assert_eq!(status::read_points(folder.path()), expected);
    }

    #[test]
    fn what_can_not_be_written_is_written_once_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let mut newest = Newest::default();
        newest.add(vec![point("usher-billing", 1.0)]);
        newest.write(&folder.path().join("nowhere"));
        assert!(newest.broken);
        newest.write(folder.path());
        assert!(!newest.broken);
        assert_eq!(status::read_points(folder.path()), vec![point("usher-billing", 1.0)]);
    }

    #[test]
    fn a_stranger_can_not_fill_the_memory() {
        let mut newest = Newest::default();
        newest.add((0..MOST + 7).map(|n| point(&n.to_string(), 0.0)).collect());
        newest.add(vec![point("7", 1.0)]);
        assert_eq!(newest.points.len(), MOST);
        assert!(newest.points.values().any(|point| point.value == Some(1.0)));
    }
}
